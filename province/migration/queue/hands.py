"""Hands for the move of one work queue."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from province.fleet.migration import Move, Phase
from province.migration.gates import Measured
from province.migration.noted import NotedHands
from province.migration.proofs import Backup, Rehearsal, sha256_of
from province.migration.queue.stream import Message
from province.migration.queue.way import QueueWay, copy, differing, filled, prefix_of, refuses, shape


@dataclass(frozen=True)
class QueueHands(NotedHands[QueueWay]):
    """Acts on two queues, and measures them. Clocks do not matter here: order is a server's own."""

    def wiped(self, move: Move) -> str:
        """What is taken away at the end."""
        return f"stream {self.way.source.stream} of {move.host}"

    def phase(self, _move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        note = self.way.noted()
        if note is None:
            return Phase.DECLARED
        if note.phase is Phase.ROLLED_BACK and not self.way.back(note):
            return Phase.FROZEN
        if note.phase is Phase.CUT_OVER and self.way.lacking(note):
            return Phase.FROZEN
        if note.phase is Phase.FROZEN and not refuses(self.way.source):
            return Phase.REPLICATING
        return note.phase

    def compared(self, seen: Measured, wanted: Phase) -> Measured:
        """Message by message, before the cut-over alone: until then they come and go."""
        way, note = self.way, self.way.noted()
        if wanted is Phase.FROZEN:
            return seen.model_copy(update={"clock_offset_ms": 0.0})
        if wanted is not Phase.CUT_OVER or note is None:
            return seen
        # Where users are in already, a cut-over was killed before its consumers were: they have changed both since.
        wrong, many = ((), 0) if note.phase is Phase.CUT_OVER else differing(way.source, way.target)
        changes = {
            "lag_bytes": 0 if way.frozen() or note.phase is Phase.CUT_OVER else None,
            "schema_same": shape(way.source) == shape(way.target),
            "different": wrong,
            "compared": many,
            "items": many,
            "source_refuses_writes": refuses(way.source),
        }
        return seen.model_copy(update=changes)

    def rehearse(self, move: Move) -> Rehearsal:
        """Copy what waits into a stream beside the new one, and from there into one beside the old one, and compare.

        Both are gone afterwards; who publishes and who takes goes on.
        """
        way = self.way
        there, back = (one.named(f"{one.stream}-rehearsal") for one in (way.target, way.source))
        config = shape(way.source)
        for one in (there, back):
            one.make(config | filled(one))
        try:
            before, began = way.source.messages(way.source.newest()), time.monotonic()
            there.publish(f"{prefix_of(there)}.", before)
            copied = time.monotonic()
            wrong = _apart(before, there.messages())
            over = time.monotonic()
            copy(there, back)
            wrong_back, _ = differing(there, back)
            ended = time.monotonic()
            same = shape(there) == config
        finally:
            for one in (there, back):
                one.remove()
        proof = Rehearsal(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            items=len(before),
            bytes=sum(len(one.body) for one in before),
            copy_seconds=round(copied - began, 2),
            read_only_seconds=round(over - began, 2),
            back_seconds=round(ended - over, 2),
            schema_same=same,
            compared=len(before),
            different=(*wrong, *(f"{one} after the way back" for one in wrong_back), *([] if same else ["schema"])),
        )
        self.desk.book.add(proof)
        return proof

    def backup(self, move: Move) -> Backup:
        """Keep what waits in a file, a line for each message, send it from there into a stream beside, and compare."""
        way, file = self.way, self.desk.dump_of(move)
        final, began = refuses(way.source), time.monotonic()
        before = way.source.messages(way.source.newest())
        _keep(file, before)
        dumped = time.monotonic()
        copy_ = way.target.named(f"{way.target.stream}-restored")
        copy_.make(shape(way.source) | filled(copy_))
        try:
            copy_.publish(f"{prefix_of(copy_)}.", _kept(file))
            wrong = _apart(before, copy_.messages())
        finally:
            copy_.remove()
        proof = Backup(
            time=self.desk.now(),
            wave=self.desk.wave,
            move=move.id,
            who=self.desk.who,
            file=file.name,
            sha256=sha256_of(file),
            bytes=file.stat().st_size,
            items=len(before),
            compared=len(before),
            different=wrong,
            dump_seconds=round(dumped - began, 2),
            restore_seconds=round(time.monotonic() - dumped, 2),
            final=final,
        )
        self.desk.book.add(proof)
        return proof

    def failed(self) -> tuple[str, ...]:
        """What users of the new side would miss; and an old side that takes messages again."""
        way, note = self.way, self.way.noted()
        found = [] if refuses(way.source) else ["the old side takes messages"]
        found += ["the new side refuses messages"] if refuses(way.target) else []
        found += [f"consumer {one['durable_name']} lacks" for one in (way.lacking(note) if note else [])]
        return tuple(found)


def _apart(here: list[Message], there: list[Message]) -> tuple[str, ...]:
    """Messages that did not come as they were sent, by number; and one that nobody sent."""
    wrong = [one.number for one, other in zip(here, there, strict=False) if one.digest != other.digest]
    wrong += [one.number for one in here[len(there) :]]
    return (*(f"message {number}" for number in wrong), *(["more came than were sent"] * (len(there) > len(here))))


def _keep(file: Path, messages: Iterable[Message]) -> None:
    with file.open("w", encoding="utf-8") as opened:
        for one in messages:
            body = base64.b64encode(one.body).decode()
            line = {"number": one.number, "subject": one.subject, "headers": dict(one.headers), "body": body}
            opened.write(json.dumps(line, ensure_ascii=False) + "\n")
        opened.flush()
        os.fsync(opened.fileno())


def _kept(file: Path) -> list[Message]:
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [Message(one["number"], one["subject"], one["headers"], base64.b64decode(one["body"])) for one in lines]
