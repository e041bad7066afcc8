"""The steps of a move of a work queue, there and back; each changes nothing where it was done already.

A stream is shut by its subjects: publishers are told that nobody takes what they send, so nothing that was acknowledged
can be missed. Its consumers are parked, and what they hold is waited for; what is left is copied, so that nothing is
done twice. The copy comes in by subjects that only a move knows, and the server gives each message its own back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact
from province.fleet.migration import Phase
from province.migration.queue.stream import OURS, Config, Queue

NOTE = "province.move"
OVER = frozenset({Phase.CUT_OVER, Phase.SOAKING})
SHORTEST_NS = 100_000_000
"""The shortest time for which a server remembers what was sent, in nanoseconds."""
RELEASE = (2, 10)
"""The first release whose streams know metadata and give subjects back (`subject_transform`)."""


class Note(Fact):
    """What both servers cannot be asked, kept in the new stream: phase, subjects and consumers as users know them."""

    phase: Phase
    subjects: tuple[str, ...]
    consumers: tuple[dict[str, Any], ...] = Field(default=())
    cut_over: datetime | None = None


@dataclass(frozen=True)
class QueueWay:
    """The old queue and the new one."""

    source: Queue
    target: Queue
    drain_seconds: float = 60

    def noted(self) -> Note | None:
        """The note in the new stream; None where nothing was provisioned."""
        config = self.target.config()
        said = (config or {}).get("metadata", {}).get(NOTE)
        if not said:
            return None
        try:
            return Note.model_validate_json(said)
        except ValidationError as error:
            raise ProvinceError(
                f"{self.target.url}: {self.target.stream} metadata {NOTE}: {error.errors()[0]['msg']}",
                hint="somebody changed it: write the phase that the journal names last",
                exit_code=ExitCode.BAD_DATA,
            ) from None

    def write(self, note: Note, **changes: Any) -> None:
        """Put a note in place of the one before, with what becomes true in the same moment."""
        now = self.target.config() or {}
        self.target.make(now | changes | {"metadata": now.get("metadata", {}) | {NOTE: note.model_dump_json()}})

    def obstacles(self) -> tuple[str, ...]:
        """What cannot be carried over without a message lost or done twice."""
        found = []
        for side, queue in (("old", self.source), ("new", self.target)):
            if queue.release() < RELEASE:
                found.append(f"the {side} side's server is older than {'.'.join(map(str, RELEASE))}")
        config = self.source.config()
        if config is None:
            return (*found, f"no stream {self.source.stream} on the old side")
        if config["retention"] != "workqueue":
            found.append(f"{self.source.stream} keeps messages by {config['retention']}: only a work queue is drained")
        found += [f"{key}: others feed it" for key in ("mirror", "sources") if config.get(key)]
        # By its durable name, and not by a hand that holds it, a consumer is made again.
        found += [f"consumer {one['name']} is not durable" for one in self.source.consumers() if not _durable(one)]
        return tuple(found)

    def provision(self) -> None:
        """Make the new stream, which takes nothing but a copy."""
        if self.noted() is None:
            config = self.source.config()
            if config is None:
                raise ProvinceError(f"{self.source.url}: no stream {self.source.stream}", hint="nothing was changed")
            note = Note(phase=Phase.PROVISIONED, subjects=tuple(config["subjects"]))
            own = {key: value for key, value in config.items() if key not in OURS}
            self.target.make(own | filled(self.target) | {"metadata": {NOTE: note.model_dump_json()}})

    def replicate(self) -> None:
        """Note that it may go on: there is nothing to copy yet."""
        self._refuse_after_cut_over()
        if self._note().phase in {Phase.PROVISIONED, Phase.ROLLED_BACK}:
            self.write(self._note().model_copy(update={"phase": Phase.REPLICATING}))

    def frozen(self) -> bool:
        """Whether the old side refuses publishers, and the new one has what waited there."""
        note = self.noted()
        return note is not None and note.phase is Phase.FROZEN and refuses(self.source)

    def freeze(self) -> None:
        """Refuse publishers, park consumers, copy what is left; killed in between, the copy is made anew."""
        self._refuse_after_cut_over()
        if self.frozen():
            return
        note = self._note()
        if not refuses(self.source):
            # What users know is written down before it is changed.
            config = self.source.config() or {}
            changes = {"subjects": tuple(config["subjects"]), "consumers": _known(self.source)}
            note = note.model_copy(update=changes)
            self.write(note)
        self._shut(self.source, note)
        copy(self.source, self.target)
        self.write(note.model_copy(update={"phase": Phase.FROZEN}))

    def cut_over(self) -> None:
        """Let publishers and consumers in on the new side; one that was killed lets the consumers in that lack."""
        note = self._note()
        if note.phase not in OVER:
            if not self.frozen():
                raise ProvinceError("the new side does not hold what the old one does", hint="freeze it first")
            for name in names(self.target):
                self.target.dismiss(name)
            moment = datetime.now(UTC).replace(microsecond=0)
            note = note.model_copy(update={"phase": Phase.CUT_OVER, "cut_over": moment})
            # In one moment: the note, and that users are let in.
            self.write(note, subjects=list(note.subjects), subject_transform=None)
        for one in self.lacking(note):
            self.target.consume(one)

    def lacking(self, note: Note) -> list[Config]:
        """Consumers that the old side had and the new one has not."""
        there = names(self.target)
        return [one for one in note.consumers if one["durable_name"] not in there]

    def roll_back(self) -> None:
        """The old side takes messages again, and has all that the new side took and nobody has done yet."""
        note = self.noted()
        if note is None:
            return
        if note.phase in OVER:
            if not refuses(self.target):
                note = note.model_copy(update={"consumers": _known(self.target) or note.consumers})
                self.write(note)
            self._shut(self.target, note)
            self.source.make((self.source.config() or {}) | filled(self.source))
            copy(self.target, self.source)
            if wrong := differing(self.target, self.source)[0]:
                raise ProvinceError(f"not the same after the way back: {', '.join(wrong[:10])}", hint="roll back again")
        # Before the old side takes a message: from here on nothing is copied over it.
        self.write(note.model_copy(update={"phase": Phase.ROLLED_BACK, "cut_over": None}), **filled(self.target))
        if refuses(self.source):
            for name in names(self.source):
                self.source.dismiss(name)
            config = self.source.config() or {}
            self.source.make(config | {"subjects": list(note.subjects), "subject_transform": None})
        there = names(self.source)
        for one in note.consumers:
            if one["durable_name"] not in there:
                self.source.consume(one)

    def wipe(self) -> None:
        """Take the old queue away."""
        self.source.remove()

    def back(self, note: Note) -> bool:
        """Whether the old side is as it was: a way back that was killed is not over before."""
        lacking = {str(one["durable_name"]) for one in note.consumers} - names(self.source)
        return not refuses(self.source) and not lacking

    def _shut(self, queue: Queue, note: Note) -> None:
        """Refuse publishers, park consumers, and wait until none of them holds a message."""
        queue.make((queue.config() or {}) | {"subjects": [f"{moved(queue)}.>"], "subject_transform": None})
        for one in note.consumers:
            name = str(one["durable_name"])
            if name in names(queue):
                # Two consumers of a work queue never share a subject.
                own = {key: value for key, value in one.items() if key != "filter_subjects"}
                queue.consume(own | {"filter_subject": f"{moved(queue)}.{name}"})
        end = time.monotonic() + self.drain_seconds
        while held := {str(one["name"]): one["num_ack_pending"] for one in queue.consumers() if one["num_ack_pending"]}:
            if time.monotonic() > end:
                who = ", ".join(f"{name} holds {many}" for name, many in held.items())
                raise ProvinceError(
                    f"{queue.url}: {queue.stream}: after {self.drain_seconds:.0f} s {who}",
                    hint="let it finish or stop it, then ask for the same phase again; or roll the wave back",
                )
            time.sleep(0.1)

    def _note(self) -> Note:
        note = self.noted()
        if note is None:
            raise ProvinceError(
                f"{self.target.url}: {self.target.stream} is not provisioned", hint="provision it first"
            )
        return note

    def _refuse_after_cut_over(self) -> None:
        note = self.noted()
        if note and note.phase in {*OVER, Phase.RETIRED}:
            raise ProvinceError("users write on the new side", hint="nothing was changed; roll the wave back first")


def moved(queue: Queue) -> str:
    """The subject of a shut stream, on which nobody publishes."""
    return f"province.moved.{queue.stream}"


def refuses(queue: Queue) -> bool:
    """Whether a stream takes nothing from users."""
    config = queue.config()
    return config is not None and all(str(one).startswith("province.") for one in config["subjects"])


def copy(source: Queue, target: Queue) -> None:
    """Make a target that takes nothing from users hold what the source does."""
    target.purge()
    config = target.config() or {}
    # What it had before and threw away it would take for sent twice.
    target.make(config | {"duplicate_window": SHORTEST_NS})
    time.sleep(3 * SHORTEST_NS / 1e9)
    target.make(config)
    target.publish(f"{prefix_of(target)}.", source.messages())


def differing(source: Queue, target: Queue) -> tuple[tuple[str, ...], int]:
    """Messages that are not the same in both, by their place and subject, and how many places there are."""
    here, there = source.messages(), target.messages()
    many = max(len(here), len(there))
    wrong = []
    for place in range(many):
        one, other = (side[place] if place < len(side) else None for side in (here, there))
        if one is None or other is None or one.digest != other.digest:
            subject = one.subject if one else other.subject if other else ""
            wrong.append(f"{source.stream} message {place + 1} ({subject})")
    return tuple(wrong), many


def prefix_of(queue: Queue) -> str:
    """Behind which a copy's subjects stand."""
    return f"province.copy.{queue.stream}"


def shape(queue: Queue) -> Config:
    """How a stream is made, but for what a move changes."""
    return {key: value for key, value in (queue.config() or {}).items() if key not in OURS}


def filled(queue: Queue) -> Config:
    """What lets a copy in, and nobody else."""
    prefix = prefix_of(queue)
    return {"subjects": [f"{prefix}.>"], "subject_transform": {"src": f"{prefix}.>", "dest": ">"}}


def _known(queue: Queue) -> tuple[Config, ...]:
    return tuple(one["config"] for one in queue.consumers())


def names(queue: Queue) -> set[str]:
    """The consumers that are there, by name."""
    return {str(one["name"]) for one in queue.consumers()}


def _durable(consumer: Config) -> bool:
    return bool(consumer["config"].get("durable_name"))
