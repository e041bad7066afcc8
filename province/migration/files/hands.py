"""Hands for the move of one folder."""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from province.fleet.migration import Move, Phase
from province.migration.files.folder import Folder, differing, pull
from province.migration.files.way import FilesWay
from province.migration.gates import Measured
from province.migration.noted import NotedHands
from province.migration.proofs import Backup, Rehearsal, sha256_of

SUFFIX = ".rehearsal"


@dataclass(frozen=True)
class FilesHands(NotedHands[FilesWay]):
    """Acts on two folders, and measures them. Clocks do not matter here: content is compared, not times."""

    def wiped(self, move: Move) -> str:
        """What is taken away at the end."""
        return f"{self.way.source.path} of {move.host}"

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        note = self.way.noted()
        if note is None:
            return Phase.DECLARED
        if note.phase is Phase.FROZEN and not self.way.source.refuses():
            return Phase.REPLICATING
        return note.phase

    def compared(self, seen: Measured, _wanted: Phase) -> Measured:
        """With what is left to copy; and of a side that is frozen, content against content."""
        way = self.way
        changes: dict[str, object] = {"lag_bytes": way.lag(), "clock_offset_ms": 0.0}
        if way.frozen():
            here, there = way.source.manifest(), way.target.manifest()
            many = len(here.keys() | there.keys())
            changes |= {"different": differing(here, there), "compared": many, "items": many}
            changes |= {"schema_same": way.source.shape() == way.target.shape(), "source_refuses_writes": True}
        return seen.model_copy(update=changes)

    def failed(self) -> tuple[str, ...]:
        """An old side that takes writes again."""
        return () if self.way.source.refuses() else ("the old side takes writes",)

    def rehearse(self, move: Move) -> Rehearsal:
        """Copy into a folder beside the new one, as a move would; what nobody changed meanwhile is compared."""
        way = self.way
        copy = Folder(f"{way.target.place.rstrip('/')}{SUFFIX}")
        copy.run("install", "-d", "-m", "700", copy.path)
        try:
            began = time.monotonic()
            pull(way.source, copy)
            copied = time.monotonic()
            before, shape_before = way.source.manifest(), way.source.entries()
            pull(way.source, copy)
            there, shape_there = copy.manifest(), copy.entries()
            after, shape_after = way.source.manifest(), way.source.entries()
            over = time.monotonic()
            pull(copy, way.source, "--dry-run", "--checksum")
            back = time.monotonic()
        finally:
            copy.run("rm", "-rf", copy.path)
        stable = {name: digest for name, digest in before.items() if after.get(name) == digest}
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=len(after),
            bytes=way.source.bytes(),
            copy_seconds=round(copied - began, 2),
            read_only_seconds=round(over - copied, 2),
            back_seconds=round(back - over, 2),
            schema_same=shape_before & shape_after <= shape_there,
            compared=len(stable),
            different=tuple(sorted(name for name, digest in stable.items() if there.get(name) != digest)),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Keep the old folder as a tape archive, and read it again: every file that nobody changed meanwhile."""
        source, file = self.way.source, self.desk.dump_of(move)
        final, before, began = source.is_mount() and source.refuses(), source.manifest(), time.monotonic()
        with file.open("wb") as opened:
            source.run("tar", "-C", source.path, "--numeric-owner", "-cf", "-", ".", into=opened)
            os.fsync(opened.fileno())
        dumped = time.monotonic()
        after, kept = source.manifest(), _read_again(file)
        stable = {name: digest for name, digest in before.items() if after.get(name) == digest}
        proof = Backup(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            file=file.name,
            sha256=sha256_of(file),
            bytes=file.stat().st_size,
            items=len(kept),
            compared=len(stable),
            different=tuple(sorted(name for name, digest in stable.items() if kept.get(name) != digest)),
            dump_seconds=round(dumped - began, 2),
            restore_seconds=round(time.monotonic() - dumped, 2),
            final=final,
        )
        self.desk.book.add(proof)
        return proof


def _read_again(file: Path) -> dict[str, str]:
    """The SHA-256 of each file in an archive; of a hard link that of the file that it names."""
    found: dict[str, str] = {}
    with tarfile.open(file) as archive:
        for member in archive:
            opened = archive.extractfile(member)
            if opened is not None:
                digest = hashlib.sha256()
                while part := opened.read(1 << 20):
                    digest.update(part)
                found[member.name.removeprefix("./")] = digest.hexdigest()
    return found
