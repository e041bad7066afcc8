"""A rehearsal: the whole move on copies beside both databases, there and back, while the real ones go on.

The old side's copy is restored from a dump of now, on the old server itself: the same release, the same machine, the
same line, the same size. So its server needs room for a second copy, and the rehearsal proves a backup as well.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from province.migration.postgresql import fence
from province.migration.postgresql.compare import different, rows, schema
from province.migration.postgresql.copy import Proved, beside, prove
from province.migration.postgresql.server import Server
from province.migration.postgresql.way import Way

SUFFIX = "rehearsal"


@dataclass(frozen=True)
class Course:
    """How a rehearsal went. Seconds; bytes of the copied old side; chunks that were not the same, there or back."""

    backup: Proved
    rows: int
    bytes: int
    copy_seconds: float
    read_only_seconds: float
    back_seconds: float
    schema_same: bool
    compared: int
    different: tuple[str, ...]


def rehearse(way: Way, file: Path) -> Course:
    """Carry a move out between copies, which are gone afterwards; `file` keeps the dump that they were made from."""
    with ExitStack() as copies:
        old = copies.enter_context(beside(way.source, SUFFIX))
        backup = prove(way.source, old, file)
        new = copies.enter_context(beside(way.target, SUFFIX))
        if fence.refuses(way.source):
            fence.open_(old)
        return course_of(way.between(old, new), backup)


def course_of(copy: Way, backup: Proved) -> Course:
    """Carry a move out between copies, there and back, with a clock in the hand."""
    old, new = copy.source, copy.target
    began = time.monotonic()
    copy.provision()
    copy.replicate()
    copied = time.monotonic()
    copy.freeze()
    same = schema(old) == schema(new)
    wrong, compared = different(old, new)
    copy.cut_over()
    over = time.monotonic()
    copy.roll_back()
    back = time.monotonic()
    wrong_back, _ = different(old, new)
    return Course(
        backup,
        rows(old),
        int(old.ask("SELECT pg_database_size(current_database())")),
        round(copied - began, 2),
        round(over - copied, 2),
        round(back - over, 2),
        same,
        compared,
        (*backup.different, *wrong, *(f"{one} after the way back" for one in wrong_back)),
    )


def prove_backup(source: Server, file: Path) -> Proved:
    """A backup that was restored beside the database that it is of, and compared; the restored copy is gone again."""
    with beside(source, "restored") as copy:
        return prove(source, copy, file)
