"""Building: the same bytes from the same pins, installed programs only if they fit, and errors that help."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.toolchain import build, go, pins

SOURCE = 'package main\n\nvar version string\n\nfunc main() { println("tiny", version) }\n'


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pins.Artefact:
    """Return a program that compiles in a moment, with a tools folder and a cache of its own."""
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pins, "TOOLS", tmp_path / "tools")
    write_module(tmp_path / "tools" / "tiny")
    return pins.Artefact(
        name="tiny",
        module="tiny",
        version="1.2.3",
        on_demand=False,
        package=".",
        tags=(),
        nosumdb=(),
        variables={"main.version": "1.2.3 of a test"},
        installed=pins.Installed(arguments=("version", "--client"), answer="Client Version: 1.2.3"),
        sha256={},
    )


def write_module(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.test/tiny\n\ngo 1.26.0\n", encoding="utf-8")
    (folder / "main.go").write_text(SOURCE, encoding="utf-8")


def with_checksum(artefact: pins.Artefact, figure: str) -> pins.Artefact:
    return artefact.model_copy(update={"sha256": {go.host_platform(): figure}})


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir(parents=True)
    program = folder / "tiny"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


def test_a_program_is_built_once_and_says_its_version(tiny: pins.Artefact, capsys: pytest.CaptureFixture[str]) -> None:
    program = build.built(tiny)
    answer = subprocess.run([program], capture_output=True, text=True, check=True)
    assert answer.stderr == "tiny 1.2.3 of a test\n"
    assert "tiny 1.2.3: building from tools/tiny" in capsys.readouterr().err

    assert build.built(tiny) == program
    assert capsys.readouterr().err == ""


def test_two_builds_in_different_places_are_the_same_bytes(
    tiny: pins.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.compile_to(tmp_path / "one", tiny, report=lambda _: None)
    write_module(tmp_path / "elsewhere" / "tools" / "tiny")
    monkeypatch.setattr(pins, "TOOLS", tmp_path / "elsewhere" / "tools")
    monkeypatch.setenv("GOFLAGS", "-race")
    monkeypatch.setenv("CGO_ENABLED", "1")
    build.compile_to(tmp_path / "two", tiny, report=lambda _: None)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_program_than_the_recorded_one_is_refused(tiny: pins.Artefact) -> None:
    with pytest.raises(ProvinceError) as caught:
        build.built(with_checksum(tiny, "0" * 64))
    assert "tiny 1.2.3: the built program is not the recorded one" in caught.value.message
    assert f"recorded {'0' * 64} (versions.toml, modules.tiny.artefacts.tiny.sha256)" in caught.value.message
    assert build.cached(tiny) is None

    right = build.checksum(build.built(tiny))
    assert build.built(with_checksum(tiny, right)).exists()
    with pytest.raises(ProvinceError, match="not the recorded one"):
        build.built(with_checksum(tiny, "1" * 64))


def test_source_that_does_not_compile_is_shown_as_the_compiler_shows_it(tiny: pins.Artefact) -> None:
    (tiny.source / "main.go").write_text("package main\n\nfunc main() { nothing() }\n", encoding="utf-8")
    with pytest.raises(ProvinceError) as caught:
        build.built(tiny)
    assert "go build ended with status 1" in caught.value.message
    assert "main.go:3:15: undefined: nothing" in caught.value.message


def test_the_key_follows_what_decides_the_bytes(tiny: pins.Artefact) -> None:
    first = build.key(tiny)
    assert build.key(tiny.model_copy(update={"variables": {"main.version": "2"}})) != first
    assert build.key(tiny.model_copy(update={"tags": ("netgo",)})) != first
    (tiny.source / "main_test.go").write_text("package main\n", encoding="utf-8")
    assert build.key(tiny) == first
    (tiny.source / "go.sum").write_text("", encoding="utf-8")
    assert build.key(tiny) != first


def test_an_installed_program_of_the_pinned_version_is_taken(
    tiny: pins.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'test "$*" = "version --client" && echo "Client Version: 1.2.3" && echo "Other Version: 9"'
    program = install(tmp_path / "bin", script, monkeypatch)
    assert build.installed(tiny) == program


@pytest.mark.parametrize(
    "script",
    [
        'echo "Client Version: 1.2.30"',
        'echo "Client Version: 1.2.2"',
        'echo "new release: 1.2.3"; echo "Client Version: 1.2.3"',
        'echo "Client Version: 1.2.3"; exit 1',
        "exit 0",
    ],
)
def test_any_other_installed_program_is_left_aside(
    script: str, tiny: pins.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", script, monkeypatch)
    assert build.installed(tiny) is None


def test_a_link_to_the_caches_own_program_is_not_an_installed_one(
    tiny: pins.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'test "$*" = "version --client" && echo "Client Version: 1.2.3"'
    program = install(tmp_path / "cache" / "go" / "key", script, monkeypatch)
    monkeypatch.setenv("PROVINCE_CACHE", str(tmp_path / "cache"))
    link = tmp_path / "desk" / program.name
    link.parent.mkdir()
    link.symlink_to(program)
    monkeypatch.setenv("PATH", str(link.parent), prepend=":")
    assert build.installed(tiny) is None


def test_a_program_without_a_rule_is_never_taken_from_the_machine(
    tiny: pins.Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", 'echo "Client Version: 1.2.3"', monkeypatch)
    assert build.installed(tiny.model_copy(update={"installed": None})) is None


def test_what_runs_inside_hosts_and_images_has_no_such_rule() -> None:
    ruled = {name for name, artefact in pins.load().artefacts.items() if artefact.installed}
    assert ruled == {"pulumi", "kubectl", "actionlint", "kubeconform"}


def test_a_missing_compiler_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "go"
    other.write_text("#!/bin/sh\necho go1.2.3\n", encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ProvinceError) as caught:
        go.locate("9.9.9")
    assert caught.value.message == f"Go 9.9.9 is needed and not there: {other} is go1.2.3"
    assert caught.value.hint == "run: make setup"


def test_what_only_a_benchmark_needs_is_built_only_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "binary", Path)
    rest = {name for name, artefact in pins.load().artefacts.items() if artefact.on_demand}
    assert rest
    assert set(build.build_all()) == set(pins.load().artefacts) - rest
    assert set(build.build_all(rest)) == rest
