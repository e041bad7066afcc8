"""A Debian file tree of some packages and all that they need: where images take files from that no host has.

Nothing is installed and no script of a package runs: the packages are only unpacked, beside each other, into an empty
folder. What an image needs of it is named in its recipe.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from province.lab import mirror, requirements
from province.lab.commands import run
from province.lab.sources import SUITE
from province.toolchain import cache

BASE = "base-files"
"""Brings the links by which `/lib` and `/bin` lie under `/usr`."""

# Raise it when `_unpack` leaves something else behind: old entries of the cache are then left aside.
_FORMAT = "3"
_DATABASE = "var/lib/dpkg"


def tree(packages: Sequence[str], suite: str = SUITE) -> Path:
    """Return the tree of these packages, downloading and unpacking them the first time; needs a package source.

    Another release than that of our hosts is for tests, which ask what old rooms have.
    Its package database says which file is whose, so that a bundle can name what an image carries.
    """
    wanted = sorted({BASE, *packages})
    key = cache.key_of(_FORMAT, suite, *wanted)
    return cache.entry("debian-tree", key, lambda folder: _unpack(folder, wanted, suite)) / "root"


def _unpack(folder: Path, packages: list[str], suite: str) -> None:
    requirements.install_programs()
    root = folder / "root"
    root.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        nothing = Path(scratch, "nothing")
        (nothing / _DATABASE).mkdir(parents=True)
        (nothing / _DATABASE / "status").touch()
        place = Path(scratch, "files")
        place.mkdir()
        mirror.download(place, nothing, tuple(packages), suite)
        # The links of the base first, so that nothing takes their place.
        files = sorted(place.glob("*.deb"), key=lambda file: (not file.name.startswith(f"{BASE}_"), file.name))
        listed = {file: run(["dpkg-deb", "--vextract", file, root]) for file in files}
        _record(root / _DATABASE, listed)


def _record(database: Path, listed: Mapping[Path, str]) -> None:
    """Write down which package each file is of, as dpkg does: `listed` is what unpacking printed, by package file."""
    information = database / "info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "format").write_text("1\n")
    stanzas = []
    for file, names in listed.items():
        fields = run(["dpkg-deb", "--field", file])
        said = dict(line.split(": ", 1) for line in fields.splitlines() if ": " in line and line[0] != " ")
        head, rest = fields.split("\n", 1)
        stanzas.append(f"{head}\nStatus: install ok unpacked\n{rest}")
        instance = f":{said['Architecture']}" if said.get("Multi-Arch") == "same" else ""
        paths = [line.removeprefix(".").rstrip("/") or "/." for line in names.splitlines()]
        (information / f"{said['Package']}{instance}.list").write_text("\n".join(paths) + "\n")
    (database / "status").write_text("\n".join(stanzas))
