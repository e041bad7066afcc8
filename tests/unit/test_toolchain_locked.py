"""The libraries of an image: what the lock says, for the interpreter that the image has, and none for development."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.toolchain import locked, pins
from province.toolchain.images import load_recipe

RECIPE = load_recipe("fleet-runner")
PROJECT = tomllib.loads((pins.CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def projects(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))


def test_all_that_the_project_needs_is_there_but_for_what_is_pruned_and_nothing_for_development() -> None:
    assert RECIPE.locked
    needed = projects("\n".join(PROJECT["project"]["dependencies"]))
    asked = projects(locked.requirements(RECIPE.locked))
    assert set(RECIPE.locked.pruned) <= needed
    assert needed - asked == set(RECIPE.locked.pruned)
    groups = PROJECT["dependency-groups"]
    assert asked & projects("\n".join([*groups["dev"], *groups["toolchain"], *groups["bench"]])) == set()


def test_every_library_has_the_checksums_of_the_lock() -> None:
    assert RECIPE.locked
    text = locked.requirements(RECIPE.locked)
    lock = tomllib.loads((pins.CHECKOUT / "uv.lock").read_text(encoding="utf-8"))
    known = {
        file["hash"]
        for one in lock["package"]
        for file in ([one["sdist"]] if one["name"] in RECIPE.locked.from_source else one.get("wheels", ()))
    }
    named = {one: re.findall(r"sha256:[0-9a-f]{64}", part) for one, part in parts(text)}
    assert named
    assert [one for one, sums in named.items() if not set(sums) & known] == []


def parts(text: str) -> list[tuple[str, str]]:
    """Each requirement with its lines."""
    whole = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    return [(one.split("==")[0], one) for one in whole if "==" in one]


def test_the_libraries_are_for_the_interpreter_of_the_image() -> None:
    assert RECIPE.locked
    assert f"python{RECIPE.locked.python}" in RECIPE.packages
    assert RECIPE.debian[RECIPE.entrypoint[0]] == f"/usr/bin/python{RECIPE.locked.python}"
    assert f"/usr/lib/python{RECIPE.locked.python}" in RECIPE.folders


def test_a_checkout_that_was_not_set_up_says_how(tmp_path: Path) -> None:
    assert RECIPE.locked
    with pytest.raises(ProvinceError, match="uv is missing") as caught:
        locked.requirements(RECIPE.locked, tmp_path)
    assert caught.value.hint == "run: make setup"
