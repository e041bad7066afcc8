"""From where a wave is conducted: who does it, with whose leave, and where proofs and dumps lie."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.migration import Move
from province.migration.gates import Measured
from province.migration.proofs import Backup, Book, Rehearsal, Wiped, sha256_of

GIB = 2**30


@dataclass(frozen=True)
class Desk:
    """One wave's desk; `approved_by` are the people whom the operator names, and the journal keeps."""

    book: Book
    folder: Path
    wave: int
    who: str
    now: Callable[[], datetime]
    approved_by: tuple[str, ...] = ()

    def dump_of(self, move: Move) -> Path:
        """A new file for a copy of a move's old side; nobody but us reads it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        return self.folder / f"{move.id}-{re.sub(r'[^0-9T]', '', self.now().isoformat())}"

    def proved(self, move: Move) -> Measured:
        """What the book says of a move, and who approved."""
        rehearsal, backup = self.book.newest(Rehearsal, move.id), self.book.newest(Backup, move.id)
        archive = self.archive(move)
        return Measured(
            approved_by=self.approved_by,
            rehearsed=rehearsal.time if rehearsal else None,
            rehearsed_read_only_seconds=rehearsal.read_only_seconds if rehearsal else None,
            rehearsed_different=rehearsal.different if rehearsal else None,
            rehearsed_gib=rehearsal.bytes / GIB if rehearsal else None,
            backup_restored=backup.time if backup and not backup.different else None,
            archived=archive.time if archive else None,
        )

    def archive(self, move: Move) -> Backup | None:
        """The newest backup of a move, if it is of a frozen old side, was the same, and its file still is."""
        backup = self.book.newest(Backup, move.id)
        if backup is None or not backup.final or backup.different:
            return None
        file = self.folder / backup.file
        return backup if file.is_file() and sha256_of(file) == backup.sha256 else None

    def kept(self, move: Move) -> Backup:
        """That archive; ProvinceError without one, because nothing is wiped of which no copy is left."""
        archive = self.archive(move)
        if archive is None:
            raise ProvinceError(f"{move.id}: no archive is kept", hint=f"province migrate backup {self.wave}")
        return archive

    def wiped(self, move: Move, what: str, kept: Backup) -> None:
        """Write down that something of the old side is no more, and what is left of it."""
        self.book.add(
            Wiped(
                time=self.now(),
                wave=self.wave,
                move=move.id,
                who=self.who,
                what=what,
                approved_by=self.approved_by,
                archive=kept.file,
                archive_sha256=kept.sha256,
            )
        )
