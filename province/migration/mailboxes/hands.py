"""Hands for the move of one server's mailboxes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from province.fleet.migration import Move, Phase
from province.migration.gates import Measured
from province.migration.mailboxes.compare import compare
from province.migration.mailboxes.store import copy, push
from province.migration.mailboxes.way import MailWay
from province.migration.noted import NotedHands
from province.migration.proofs import Backup, Rehearsal, sha256_of


@dataclass(frozen=True)
class MailHands(NotedHands[MailWay]):
    """Acts on the mailboxes of two servers, and measures them. Clocks do not matter: messages keep their own dates.

    `spare`: a folder on both hosts with room for a second copy.
    """

    spare: str

    def wiped(self, move: Move) -> str:
        """What is taken away at the end."""
        return f"all mailboxes of {move.host}"

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        note = self.way.noted()
        if note is None:
            return Phase.DECLARED
        if note.phase is Phase.FROZEN and not self.way.source.refuses():
            return Phase.REPLICATING
        # Killed between the note and what it says.
        if note.phase is Phase.CUT_OVER and self.way.target.refuses():
            return Phase.FROZEN
        if note.phase is Phase.ROLLED_BACK and self.way.source.refuses():
            return Phase.FROZEN
        return note.phase

    def compared(self, seen: Measured, _wanted: Phase) -> Measured:
        """With what is left to copy; and of a side that is frozen, content against content."""
        way = self.way
        changes: dict[str, object] = {"lag_bytes": way.lag(), "clock_offset_ms": 0.0}
        if way.frozen():
            found = compare(way.source, way.target, way.source.users())
            changes |= {"different": found.different, "compared": found.messages, "items": found.messages}
            changes |= {"schema_same": not found.shapes, "source_refuses_writes": True}
        return seen.model_copy(update=changes)

    def rehearse(self, move: Move) -> Rehearsal:
        """Copy all mailboxes beside the new ones, and from there beside the old ones, and compare; then all are gone.

        People go on: what they change meanwhile is not compared.
        """
        way, users = self.way, self.way.source.users()
        there = way.target.beside(self._place(move, "rehearsal-there"))
        back = way.source.beside(self._place(move, "rehearsal-back"))
        try:
            for one in (there, back):
                one.clear()
                one.room()
            began = time.monotonic()
            copy(way.source, there, users)
            copied = time.monotonic()
            # What the freeze will take: the pass that finds little, and every message compared.
            copy(way.source, there, users)
            found = compare(way.source, there, users, moving=True)
            over = time.monotonic()
            push(there, back, users)
            ended = time.monotonic()
            again = compare(there, back, users)
        finally:
            for one in (there, back):
                one.clear()
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=found.messages,
            bytes=found.bytes,
            copy_seconds=round(copied - began, 2),
            read_only_seconds=round(over - copied, 2),
            back_seconds=round(ended - over, 2),
            schema_same=not again.shapes,
            compared=found.messages,
            different=(*found.different, *(f"{one} after the way back" for one in (*again.different, *again.shapes))),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Keep a copy of all old mailboxes as a tape archive, unpack it beside them, and compare every message."""
        source, users, file = self.way.source, self.way.source.users(), self.desk.dump_of(move)
        final = source.refuses()
        kept, restored = (source.beside(self._place(move, what)) for what in ("backup", "restored"))
        try:
            for one in (kept, restored):
                one.clear()
                one.room()
            began = time.monotonic()
            copy(source, kept, users)
            with file.open("wb") as opened:
                source.settings.run("tar", "-C", str(kept.spare), "--numeric-owner", "-cf", "-", ".", into=opened)
                os.fsync(opened.fileno())
            dumped = time.monotonic()
            kept.clear()
            with file.open("rb") as opened:
                source.settings.run("tar", "-C", str(restored.spare), "--numeric-owner", "-xpf", "-", read=opened)
            found = compare(source, restored, users, moving=not final)
        finally:
            for one in (kept, restored):
                one.clear()
        proof = Backup(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            file=file.name,
            sha256=sha256_of(file),
            bytes=file.stat().st_size,
            items=found.messages,
            compared=found.messages,
            different=(*found.different, *found.shapes),
            dump_seconds=round(dumped - began, 2),
            restore_seconds=round(time.monotonic() - dumped, 2),
            final=final,
        )
        self.desk.book.add(proof)
        return proof

    def _place(self, move: Move, what: str) -> str:
        return f"{self.spare.rstrip('/')}/{move.id}-{what}"

    def failed(self) -> tuple[str, ...]:
        """What users of the new side would miss; and an old side that takes writes again."""
        source, target = self.way.source, self.way.target
        found = [] if source.refuses() else ["the old side takes mail"]
        found += ["the new side refuses mail"] if target.refuses() else []
        inboxes = {one.user for one in target.look(target.users(), content=False) if one.folder == "INBOX"}
        return (*found, *(f"{user} has no inbox on the new side" for user in source.users() if user not in inboxes))
