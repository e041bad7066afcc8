"""Hands for every method that is carried out: which move is reached how, and who acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from province.errors import ExitCode, ProvinceError
from province.fleet.environment import Environment
from province.fleet.migration import Method, MigrationWave, Move, Phase
from province.fleet.old_sides import OldDatabase
from province.migration.conduct import Hands
from province.migration.desk import Desk
from province.migration.files.folder import Folder
from province.migration.files.hands import FilesHands
from province.migration.files.way import FilesWay
from province.migration.gates import Measured
from province.migration.mailboxes.hands import MailHands
from province.migration.mailboxes.store import MailStore
from province.migration.mailboxes.way import MailWay
from province.migration.names.hands import NamedHands, Switch
from province.migration.names.zone import Name
from province.migration.objects.bucket import Bucket
from province.migration.objects.hands import ObjectsHands
from province.migration.objects.way import ObjectsWay
from province.migration.postgresql.dump import ByDump
from province.migration.postgresql.hands import DatabaseHands
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.place import Place
from province.migration.postgresql.server import Server
from province.migration.postgresql.standby import ByStandby
from province.migration.postgresql.way import Way
from province.migration.proofs import Backup, Rehearsal, Step
from province.migration.queue.hands import QueueHands
from province.migration.queue.stream import Queue
from province.migration.queue.way import QueueWay
from province.migration.rebuild import RebuildHands

WAYS: Mapping[Method, Callable[[Server, Server], Way]] = {Method.LOGICAL: Pair, Method.DUMP: ByDump}
KEYS: Mapping[Method, str] = {
    **dict.fromkeys(WAYS, "old_databases"),
    Method.PHYSICAL: "old_standbys",
    Method.FILES: "old_folders",
    Method.QUEUE: "old_queues",
    Method.MAILBOXES: "old_mailboxes",
    Method.OBJECTS: "old_buckets",
    Method.REBUILD: "old_services",
}
"""Under which key an environment says how both sides are reached; a method without one is not carried out by now."""


class MoveHands(Hands, Protocol):
    """What acts on one move: as the conductor wants it, and what is proved beside."""

    def rehearse(self, move: Move) -> Rehearsal:
        """Carry the move out on copies, there and back."""
        ...

    def backup(self, move: Move) -> Backup:
        """Copy the old side, restore the copy, compare, keep it."""
        ...

    def strayed(self, move: Move, /) -> int | None:
        """What both sides do not hold alike though writes flow back; None when nobody can tell."""
        ...


@dataclass(frozen=True)
class AllHands:
    """The hands of a wave, each move by its own."""

    by_move: Mapping[str, MoveHands]
    desk: Desk | None = None
    """Whose book keeps each step; None where no book is kept."""
    seen: dict[tuple[str, Phase], Measured] = field(default_factory=dict)
    """What the gates judged by in this run."""

    def phase(self, move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        return self.by_move[move.id].phase(move)

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What the gates before a phase judge by."""
        self.seen[move.id, wanted] = self.by_move[move.id].measure(move, wanted)
        return self.seen[move.id, wanted]

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase, and write that into the book of proofs."""
        desk, began = self.desk, datetime.now(UTC)
        self.by_move[move.id].act(move, wanted)
        if desk is not None:
            seen = self.seen.get((move.id, wanted), Measured())
            step = Step(
                time=desk.now(),
                wave=desk.wave,
                move=move.id,
                who=desk.who,
                phase=wanted,
                began=began,
                approved_by=desk.approved_by,
                compared=seen.compared,
                items=seen.items,
            )
            desk.book.add(step)

    def written_since_cut_over(self, move: Move, /) -> int | None:
        """How many writes the new side took since; None when nobody can tell."""
        return self.by_move[move.id].written_since_cut_over(move)

    def strayed(self, move: Move, /) -> int | None:
        """What both sides do not hold alike though writes flow back; None when nobody can tell."""
        return self.by_move[move.id].strayed(move)


def hands_of(environment: Environment, wave: MigrationWave, moves: Mapping[str, Move], desk: Desk) -> AllHands:
    """Hands for each move of a wave.

    Raises ProvinceError where the environment does not say how they are reached, or nobody has hands for the method.
    """
    other = [f"{name} ({moves[name].method})" for name in wave.moves if moves[name].method not in KEYS]
    if other:
        raise ProvinceError(
            f"only {', '.join(sorted(KEYS))} are carried out by now: {', '.join(other)}",
            hint="nothing was changed",
        )
    keys = {name: KEYS[moves[name].method] for name in wave.moves}
    unknown = [name for name, key in keys.items() if name not in getattr(environment, key)]
    if unknown:
        lacking = " and ".join(sorted({f"`{keys[name]}`" for name in unknown}))
        raise ProvinceError(
            f"environment {environment.id} does not say how the old side is reached: {', '.join(unknown)}",
            hint=f"name both sides under {lacking} in {environment.id}/environment.yml; nothing was changed",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    return AllHands({name: _named(environment, moves[name], desk) for name in wave.moves}, desk)


def _named(environment: Environment, move: Move, desk: Desk) -> MoveHands:
    hands, names = _of(environment, move, desk), environment.old_names.get(move.id, ())
    switches = tuple(
        Switch(
            Name(one.name, one.zone, one.server, one.key, one.port),
            frozenset(map(str, one.old)),
            frozenset(map(str, one.new)),
        )
        for one in names
    )
    return NamedHands(hands, switches) if switches else hands


def _of(environment: Environment, move: Move, desk: Desk) -> MoveHands:
    if move.method is Method.FILES:
        folders = environment.old_folders[move.id]
        return FilesHands(FilesWay(Folder(folders.source), Folder(folders.target)), desk)
    if move.method is Method.REBUILD:
        return RebuildHands(environment.old_services[move.id], desk)
    if move.method is Method.QUEUE:
        queue = environment.old_queues[move.id]
        old, new = (Queue(url, queue.stream, queue.credentials) for url in (queue.source, queue.target))
        return QueueHands(QueueWay(old, new), desk)
    if move.method is Method.MAILBOXES:
        mail = environment.old_mailboxes[move.id]
        source = MailStore(Folder(mail.source), tuple(mail.source_programs.split()))
        target = MailStore(Folder(mail.target), tuple(mail.target_programs.split()))
        return MailHands(MailWay(source, target), desk, mail.spare)
    if move.method is Method.OBJECTS:
        held = environment.old_buckets[move.id]
        here = Bucket(held.source, held.bucket, held.source_profile, held.source_mover)
        there = Bucket(held.target, held.new_bucket, held.target_profile, held.target_mover)
        return ObjectsHands(ObjectsWay(here, there, held.settle_seconds), desk)
    if move.method is Method.PHYSICAL:
        one = environment.old_standbys[move.id]
        place = Place(one.data, one.programs, one.owner, one.options, one.spare_port, one.host)
        return DatabaseHands(ByStandby(*_sides(one), place), desk)
    return DatabaseHands(WAYS[move.method](*_sides(environment.old_databases[move.id])), desk)


def _sides(reach: OldDatabase) -> tuple[Server, Server]:
    source = Server(reach.source, reach.source_from_target or reach.source)
    return source, Server(reach.target, reach.target_from_source or reach.target)
