"""The move of the old machine rooms: what moves, how, in which wave, and the figures that gates judge by.

`migration/` holds it. Days on which nothing is moved stand in the register of freezes.
Source of the order of waves and of the treatments: the project (A); a wave moves and goes live together.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from province.fleet.calendar import LOCAL, Freeze, FreezeKind, Window
from province.fleet.fact import Fact, Names, NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.rooms import MOVES
from province.fleet.site import SitePurpose

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet


class Treatment(StrEnum):
    """What becomes of an old system: the seven Rs, where consolidating two into one is a kind of replatforming."""

    REHOST = "rehost"
    REPLATFORM = "replatform"
    CONSOLIDATE = "consolidate"
    REFACTOR = "refactor"
    REPURCHASE = "repurchase"
    RETAIN = "retain"
    RETIRE = "retire"


class Method(StrEnum):
    """How its data comes over."""

    LOGICAL = "logical-replication"
    PHYSICAL = "physical-standby"
    DUMP = "dump-restore"
    FILES = "files"
    QUEUE = "queue-drain"
    MAILBOXES = "mailboxes"
    OBJECTS = "objects"
    REBUILD = "rebuild"
    ARCHIVE = "archive"


class Phase(StrEnum):
    """How far a wave is; its declared phase is how far people have let it go."""

    DECLARED = "declared"
    PROVISIONED = "provisioned"
    REPLICATING = "replicating"
    REHEARSED = "rehearsed"
    FROZEN = "frozen"
    CUT_OVER = "cut-over"
    SOAKING = "soaking"
    RETIRED = "retired"
    ROLLED_BACK = "rolled-back"


class OldHost(Fact):
    """A host of an old machine room. How it is reached is the environment's, never a fact of the province."""

    id: Slug
    site: Slug
    software: tuple[Slug, ...]
    licence: NonBlank
    source: SourceRef


class Trigger(Fact):
    """When a move has to go back: more than `over` of `unit`, for that many minutes on end.

    `compares`: the figure is what both sides do not hold alike though writes flow back. `asks`: the watchers of the new
    site are asked it (PromQL). Neither: nobody measures it by now, and people have to look.
    """

    what: NonBlank
    over: NonNegativeFloat
    unit: NonBlank
    minutes: NonNegativeInt
    compares: bool = False
    asks: NonBlank | None = None
    source: SourceRef

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        if self.compares and self.asks:
            raise ValueError("`compares` and `asks` are two figures: keep one")
        return self


class Move(Fact):
    """One old system of one old room; `system` is null for what is archived and goes nowhere. Sizes in GiB."""

    id: Slug
    system: Slug | None
    site: Slug
    host: Slug
    treatment: Treatment
    method: Method
    size_gib: PositiveFloat
    group: Slug
    needs: tuple[Slug, ...] = ()
    trigger: Trigger | None
    source: SourceRef

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if (self.system is None) != (self.treatment is Treatment.RETIRE):
            raise ValueError("what retires goes to no system, and everything else goes to one")
        if self.system is not None and self.trigger is None:
            raise ValueError("`trigger` says when it goes back; only what retires has none")
        return self


class MigrationWave(Fact):
    """What moves and goes live together, after which other waves, and in which hours."""

    id: NonNegativeInt
    name: Names
    after: tuple[NonNegativeInt, ...]
    moves: tuple[Slug, ...]
    windows: tuple[Window, ...]
    phase: Phase
    source: SourceRef

    def closed(self, moment: dt.datetime, freezes: Iterable[Freeze]) -> str | None:
        """Why it may not be cut over at a moment; None when it may."""
        for freeze in freezes:
            if freeze.holds(FreezeKind.CUT_OVER, moment):
                return str(freeze)
        if not any(window.holds(moment) for window in self.windows):
            return f"{moment.astimezone(LOCAL):%a %H:%M} is outside the wave's windows"
        return None


class Limits(Fact):
    """What gates hold measurements against: bytes, seconds, hours, days, people."""

    lag_bytes: NonNegativeInt
    read_only_seconds: PositiveInt
    backup_hours: PositiveInt
    rehearsal_days: PositiveInt
    approvers: PositiveInt
    soak_days: PositiveInt
    source: SourceRef


class Migration(Fact):
    """All of the move."""

    hosts: Mapping[str, OldHost]
    moves: Mapping[str, Move]
    waves: Mapping[int, MigrationWave]
    limits: Limits

    def moves_of(self, wave: int) -> tuple[Move, ...]:
        """What a wave moves: each after what it needs, in the order of the file else."""
        return tuple(
            self.moves[one] for one in in_order({id_: self.moves[id_].needs for id_ in self.waves[wave].moves})
        )


def in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Names such that each stands after what it needs; ValueError names those that wait for each other."""
    done: list[str] = []
    waiting = list(needs)
    while waiting:
        ready = [one for one in waiting if not set(needs[one]) & set(waiting)]
        if not ready:
            raise ValueError(f"wait for each other: {', '.join(waiting)}")
        done += ready
        waiting = [one for one in waiting if one not in ready]
    return done


def check_migration(fleet: Fleet) -> Iterator[Finding]:
    """Names exist, no circle, each move in one wave and after what it needs, every replaced system moves."""
    plan = fleet.migration
    if plan is None:
        return
    rooms = [site.id for site in fleet.sites.values() if site.purpose is SitePurpose.MIGRATION_SOURCE]
    for host in plan.hosts.values():
        yield from unresolved(_file(fleet, "hosts"), f"{host.id}.site", host.site, rooms, "old machine room")
    for move in plan.moves.values():
        file = _file(fleet, "moves")
        its_hosts = [host.id for host in plan.hosts.values() if host.site == move.site]
        yield from unresolved(file, f"{move.id}.site", move.site, rooms, "old machine room")
        yield from unresolved(file, f"{move.id}.host", move.host, its_hosts, "host of that room")
        if move.system is not None:
            yield from unresolved(file, f"{move.id}.system", move.system, fleet.systems, "system")
        for need in move.needs:
            yield from unresolved(file, f"{move.id}.needs", need, plan.moves, "move")
    for wave in plan.waves.values():
        for other in wave.after:
            yield from unresolved(_file(fleet, "waves"), f"{wave.id}.after", other, plan.waves, "wave")
        for name in wave.moves:
            yield from unresolved(_file(fleet, "waves"), f"{wave.id}.moves", name, plan.moves, "move")
        if wave.moves and not wave.windows:
            yield Finding(_file(fleet, "waves"), f"{wave.id}.windows", "", "moves something at no hour", "add a window")
    yield from _roomless(fleet, plan)
    yield from _replaced(fleet, plan)
    yield from _order(fleet, plan)


def _roomless(fleet: Fleet, plan: Migration) -> Iterator[Finding]:
    file = _file(fleet, "moves")
    if MOVES not in fleet.platform:
        mend = f"add platform/{MOVES}.yml: its room keeps account of every move"
        yield Finding(file, "", "", f"the platform has no part `{MOVES}`", mend)
    for move in plan.moves.values():
        system = fleet.systems.get(move.system or "")
        if system is not None and not system.has_room:
            mend = "decide the system first: its `state` gives it a room"
            yield Finding(file, f"{move.id}.system", system.id, "has no room in a cluster", mend)


def _replaced(fleet: Fleet, plan: Migration) -> Iterator[Finding]:
    for system in fleet.systems.values():
        moved = sum(move.system == system.id for move in plan.moves.values())
        if moved < len(system.replaces):
            problem = f"replaces {len(system.replaces)} old systems, and {moved} of them move"
            yield Finding(
                fleet.origins[f"systems/{system.id}"], "replaces", "", problem, "add moves to migration/moves.yml"
            )


def _order(fleet: Fleet, plan: Migration) -> Iterator[Finding]:
    file = _file(fleet, "waves")
    counts = Counter(name for wave in plan.waves.values() for name in wave.moves)
    for name in plan.moves:
        if counts[name] != 1:
            yield Finding(file, "moves", name, f"stands in {counts[name]} waves", "let exactly one wave move it")
    for what, needs in (
        ("waves.yml", {str(wave.id): [str(one) for one in wave.after] for wave in plan.waves.values()}),
        ("moves.yml", {move.id: move.needs for move in plan.moves.values()}),
    ):
        try:
            in_order(needs)
        except ValueError as error:
            yield Finding(file.replace("waves.yml", what), "", "", str(error), "break the circle")
            return
    wave_of = {name: wave.id for wave in plan.waves.values() for name in wave.moves}
    for move in plan.moves.values():
        for need in move.needs:
            if need in wave_of and move.id in wave_of and wave_of[need] not in before(plan, wave_of[move.id]):
                mend = f"move it with {move.id}, or in a wave before"
                yield Finding(file, f"{wave_of[move.id]}.moves", move.id, f"needs {need}, which moves later", mend)


def before(plan: Migration, wave: int) -> set[int]:
    """A wave, and all that are over before it begins; the waves wait for each other in no circle."""
    found = {wave}
    for other in plan.waves[wave].after:
        if other in plan.waves:
            found |= before(plan, other)
    return found


def _file(fleet: Fleet, name: str) -> str:
    return f"{fleet.root.name}/fleet/migration/{name}.yml"
