"""Whatever is done to a file of facts: the model loads, or says which file is wrong and how to mend it. No traceback.

Each example takes one real file, does one to three things to it that people, editors and merges do, and loads all
files again. `make soak` tries 1,000 of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.fleet import load
from province.fleet.documents import read_yaml
from province.fleet.findings import BadData
from province.fleet.load import load_fleet
from province.manifest.capability import CHECKOUT
from province.verify.waivers import waivers_of

INVENTORIES = CHECKOUT / "inventories"
ONE_OF_MANY = {"communes": 3, "systems": 8, "platform": 4}
"""Of files that are all alike, so many are tried; every other file is."""
MANY = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(parent=MANY, max_examples=60)

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(max_size=12),
    st.sampled_from(["", " ", "::/0", "0.0.0.0/0", "-1", "1e400", "no", "2026-02-31", "ẮẰ", "x" * 5000, [], {}, [[]]]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)
NOISE = st.sampled_from(
    [
        b"\xff\xfe",
        b"\x00",
        b"\t",
        b"{",
        b"]",
        b": : ",
        b"<<<<<<< HEAD\n",
        b"&a [*a] ",
        b"!!python/none ",
        b"\r",
        b"? [] : ",
    ]
)


def files() -> list[str]:
    """The files that are tried, below the inventories' folder."""
    chosen: list[str] = []
    for folder in sorted({path.parent for path in INVENTORIES.rglob("*.yml") if "production" not in path.parts}):
        paths = sorted(folder.glob("*.yml"))
        step = max(1, len(paths) // ONE_OF_MANY.get(folder.name, len(paths)))
        chosen += [path.relative_to(INVENTORIES).as_posix() for path in paths[::step]]
    return chosen


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of all files, of which those that nobody touched are read once."""
    root = tmp_path_factory.mktemp("malformed") / "inventories"
    shutil.copytree(INVENTORIES, root)
    read: dict[Path, Any] = {}

    def once(path: Path, shown: str) -> Any:
        if path.read_bytes() != (INVENTORIES / path.relative_to(root)).read_bytes():
            return read_yaml(path, shown)
        if path not in read:
            read[path] = read_yaml(path, shown)
        return read[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "read_yaml", once)
        yield root


def places(body: Any) -> list[tuple[Any, Any]]:
    """Every place of a document at which there is a value: its container, and its key or number in there."""
    found: list[tuple[Any, Any]] = []
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in list(inside):
        found += [(body, key), *places(value)]
    return found


def changed(draw: st.DrawFn, body: Any) -> None:
    """One thing that is done to a document."""
    there = places(body)
    if not there:
        return
    container, key = draw(st.sampled_from(there))
    match draw(st.sampled_from(("other", "gone", "misspelt", "twice", "elsewhere"))):
        case "other":
            container[key] = draw(VALUES)
        case "gone":
            del container[key]
        case "misspelt" if isinstance(container, dict):
            container[f"{key}s"] = container.pop(key)
        case "twice" if isinstance(container, list):
            container.append(deepcopy(container[key]))
        case _:
            other, place = draw(st.sampled_from(there))
            container[key] = deepcopy(other[place])


@st.composite
def malformed(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file, and what it holds now."""
    name = draw(st.sampled_from(files()))
    whole = (INVENTORIES / name).read_bytes()
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(whole)))
        if draw(st.booleans()):
            return name, whole[:at]
        return name, whole[:at] + draw(NOISE) + whole[at:]
    body = yaml.safe_load(whole)
    for _ in range(draw(st.integers(1, 3))):
        changed(draw, body)
    return name, yaml.safe_dump(body, allow_unicode=True).encode(errors="surrogatepass")


def loads_or_says_why(root: Path, name: str, content: bytes) -> None:
    """Load a lab of which one file holds something else."""
    path = root / name
    path.write_bytes(content)
    load._load.cache_clear()
    refused = None
    try:
        waivers_of(load_fleet("lab", root))
    except BadData as error:
        refused = error
    finally:
        shutil.copyfile(INVENTORIES / name, path)
        load._load.cache_clear()
    if refused is not None:
        assert refused.findings, "an error that names nothing"
        for finding in refused.findings:
            assert finding.problem, finding
            assert finding.mend, f"{finding}: no mend"
            assert (root.parent / finding.file).exists(), f"{finding.file}: no such file"


@SOME
@given(malformed())
def test_a_malformed_file_is_named_with_its_mend(copy: Path, case: tuple[str, bytes]) -> None:
    loads_or_says_why(copy, *case)


@pytest.mark.soak
@MANY
@given(malformed())
def test_a_thousand_malformed_files_are_named_with_their_mends(copy: Path, case: tuple[str, bytes]) -> None:
    loads_or_says_why(copy, *case)
