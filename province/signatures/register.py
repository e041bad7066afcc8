"""The register of an environment: what was imported, kept whole; a list that does not name a certificate leaves it.

It names people, so it lies with the environment's private files and is never committed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from province.fleet.fleet import Fleet
from province.locking import Holder, hold
from province.ops.workplace import Workplace
from province.signatures.row import SOON_DAYS, Kind, Signature
from province.signatures.table import read_table, table_text

FILE = "register.csv"
MODE = 0o600
INDICATORS = {Kind.PERSONAL: "signatures-of-officials", Kind.ORGANISATION: "signatures-of-organisations"}
"""The published numbers that the register should come to (registers/indicators.yml)."""


@dataclass(frozen=True)
class Imported:
    """What a list changed: certificates that are new, that say something else by now, and that it did not name."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: int
    unnamed: int


def folder_of(fleet: Fleet) -> Path:
    """Where an environment keeps its register."""
    return Workplace.of(fleet).private / "signatures"


def load(folder: Path) -> dict[str, Signature]:
    """The register by serial; empty before the first import. Raises BadData when somebody spoiled the file."""
    return read_table(folder / FILE) if (folder / FILE).exists() else {}


def take_in(folder: Path, path: Path) -> Imported:
    """Take a list into the register, all of it or nothing.

    Raises BadData with every bad cell, Locked while somebody else does the same.
    """
    given = read_table(path)
    with hold(folder / "lock", Holder.this_process(f"import {path.name}")):
        known = load(folder)
        result = Imported(
            new=tuple(sorted(set(given) - set(known))),
            changed=tuple(sorted(serial for serial, row in given.items() if serial in known and known[serial] != row)),
            same=sum(known.get(serial) == row for serial, row in given.items()),
            unnamed=len(set(known) - set(given)),
        )
        if result.new or result.changed:
            _write(folder / FILE, table_text({**known, **given}.values()))
        return result


def due(rows: Mapping[str, Signature], today: date, days: int) -> list[Signature]:
    """Certificates that are over, or are so in that many days, the first to end first."""
    return sorted(
        (row for row in rows.values() if row.days_left(today) <= days), key=lambda one: (one.ends, one.unit, one.serial)
    )


def by_time(rows: Mapping[str, Signature], today: date) -> dict[str, dict[str, int]]:
    """How many certificates of each kind are over, end within each of the steps, or later."""
    return {kind: dict(_steps([row for row in rows.values() if row.kind is kind], today)) for kind in Kind}


def _steps(rows: list[Signature], today: date) -> Counter[str]:
    names = {"over": 0, **{f"within {days} days": 0 for days in SOON_DAYS}, "later": 0}
    found = Counter(names)
    for row in rows:
        left = row.days_left(today)
        step = next((f"within {days} days" for days in SOON_DAYS if left <= days), "later")
        found["over" if left < 0 else step] += 1
    return found


def _write(path: Path, text: str) -> None:
    """In one step, and on the disk before the old one is gone."""
    fresh = path.with_suffix(".new")
    opener: Callable[[str, int], int] = lambda name, flags: os.open(name, flags, MODE)  # noqa: E731 - open() wants one
    with open(fresh, "w", encoding="utf-8", newline="", opener=opener) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
