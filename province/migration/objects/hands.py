"""Hands for the move of one bucket."""

from __future__ import annotations

import time
from dataclasses import dataclass

from province.fleet.migration import Move, Phase
from province.migration.gates import Measured
from province.migration.noted import NotedHands
from province.migration.objects import fence
from province.migration.objects.archive import keep, restore
from province.migration.objects.bucket import Bucket, Versions
from province.migration.objects.compare import Manifest, differing, manifest, shape
from province.migration.objects.copy import copy, drop, room
from province.migration.objects.way import ObjectsWay
from province.migration.proofs import Backup, Rehearsal, sha256_of

MOST_LETTERS = 63
"""The longest name that a bucket may have."""


@dataclass(frozen=True)
class ObjectsHands(NotedHands[ObjectsWay]):
    """Acts on two buckets, and measures them. Clocks do not matter here: content is compared, not times."""

    def wiped(self, move: Move) -> str:
        """What is taken away at the end."""
        return f"all versions in bucket {self.way.source.name} of {move.host}"

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        note = self.way.noted()
        if note is None:
            return Phase.DECLARED
        if note.phase is Phase.FROZEN and not fence.refuses(self.way.source):
            return Phase.REPLICATING
        # Killed between the note and what it says.
        if note.phase is Phase.CUT_OVER and fence.refuses(self.way.target):
            return Phase.FROZEN
        if note.phase is Phase.ROLLED_BACK and fence.refuses(self.way.source):
            return Phase.FROZEN
        return note.phase

    def compared(self, seen: Measured, _wanted: Phase) -> Measured:
        """With what is left to copy; and of a side that is frozen, content against content."""
        way = self.way
        changes: dict[str, object] = {"lag_bytes": way.lag(), "clock_offset_ms": 0.0}
        if way.frozen():
            here, there = manifest(way.source), manifest(way.target)
            many = len(here.keys() | there.keys())
            changes |= {"different": differing(here, there), "compared": many, "items": many}
            changes |= {"schema_same": shape(way.source) == shape(way.target), "source_refuses_writes": True}
        return seen.model_copy(update=changes)

    def rehearse(self, move: Move) -> Rehearsal:
        """Copy into a bucket beside the new one, and from there into one beside the old one, and compare.

        Both are gone afterwards, and refuse writes as the real ones will. What users change meanwhile is not compared.
        """
        way = self.way
        there, back = beside(way.target, "rehearsal"), beside(way.source, "rehearsal")
        try:
            for one in (there, back):
                room(one, way.source.versioned())
            held = way.source.versions()
            before, began = manifest(way.source, held), time.monotonic()
            copy(way.source, there, deep=False, only=held)
            copied = time.monotonic()
            # What the freeze will take: the pass that finds little, and both manifests.
            copy(way.source, there, deep=True, only=held)
            after, copies = manifest(way.source, held), manifest(there)
            over = time.monotonic()
            copy(there, back, deep=True)
            ended = time.monotonic()
            again = differing(copies, manifest(back))
            same = there.versioned() == way.source.versioned() == back.versioned()
        finally:
            for one in (there, back):
                drop(one)
        stable = _stable(before, after, held, way.source.versions())
        wrong = differing(stable, {place: copies[place] for place in stable if place in copies})
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=len(before),
            bytes=sum(line.size for line in before.values()),
            copy_seconds=round(copied - began, 2),
            read_only_seconds=round(over - copied + way.settle_seconds, 2),
            back_seconds=round(ended - over, 2),
            schema_same=same,
            compared=len(stable),
            different=(*wrong, *(f"{one} after the way back" for one in again)),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Keep all versions in a file, put them from there into a bucket beside the new one, and compare."""
        way, file = self.way, self.desk.dump_of(move)
        final, held, began = fence.refuses(way.source), way.source.versions(), time.monotonic()
        before = manifest(way.source, held)
        kept = keep(way.source, file)
        dumped = time.monotonic()
        restored = beside(way.target, "restored")
        try:
            room(restored, way.source.versioned())
            restore(file, restored)
            there = manifest(restored)
        finally:
            drop(restored)
        stable = _stable(before, manifest(way.source, held), held, kept)
        wrong = differing(stable, {place: there[place] for place in stable if place in there})
        proof = Backup(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            file=file.name,
            sha256=sha256_of(file),
            bytes=file.stat().st_size,
            items=len(there),
            compared=len(stable),
            different=wrong,
            dump_seconds=round(dumped - began, 2),
            restore_seconds=round(time.monotonic() - dumped, 2),
            final=final,
        )
        self.desk.book.add(proof)
        return proof

    def failed(self) -> tuple[str, ...]:
        """What users of the new side would miss; and an old side that takes writes again."""
        way = self.way
        found = [] if fence.refuses(way.source) else ["the old side takes writes"]
        found += ["the new side refuses writes"] if fence.refuses(way.target) else []
        found += ["the old side took writes after it was shut"] if way.strayed() else []
        return tuple(found)


def beside(bucket: Bucket, what: str) -> Bucket:
    """Another bucket of the same server, for a while."""
    return Bucket(bucket.url, f"{bucket.name[: MOST_LETTERS - len(what) - 1]}-{what}", bucket.profile, bucket.mover)


def _stable(before: Manifest, after: Manifest, held: Versions, now: Versions) -> Manifest:
    """What nobody changed: lines that are as before, of keys of which no version that was held is gone."""
    whole = {key for key, versions in held.items() if now.get(key, ())[: len(versions)] == versions}
    return {place: line for place, line in before.items() if place[0] in whole and after.get(place) == line}
