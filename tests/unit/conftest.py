"""Fixtures for tests of the model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet

Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    """The province as production sees it: all hosts."""
    return load_fleet("production")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of all inventories that a test may spoil."""
    target = tmp_path / "inventories"
    shutil.copytree(inventories_root(), target)
    return target


@pytest.fixture
def edit(data: Path) -> Edit:
    """Replace a text in a file of the copy; the text must be there, so that a test cannot spoil nothing."""

    def replace(file: str, old: str, new: str) -> None:
        path = data / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace
