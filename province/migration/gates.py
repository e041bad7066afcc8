"""Gates: what must hold before a phase begins, judged over measured facts and nothing else.

A fact that could not be measured is no success: its gate is `unknown`, and the wave waits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from province.fleet.calendar import Freeze
from province.fleet.fact import Fact
from province.fleet.migration import Limits, MigrationWave, Move, Phase
from province.migration.phases import COPIES_ALL_THE_TIME, FLOWS_BACK, FOLLOWS_A_SCHEMA, HOLDS_NO_DATA


class Verdict(StrEnum):
    """What a gate says."""

    OPEN = "open"
    SHUT = "shut"
    UNKNOWN = "unknown"


class Measured(Fact):
    """What was measured of one move; null: nobody could, or has yet. Bytes, moments with zone, names, counts.

    `obstacles` are what the method cannot carry over; `different` names what is not the same on both sides, after
    `compared` items were compared out of `items`. What begins with `rehearsed` is of the newest rehearsal; `archived`
    is when the backup was made that is kept for good, as long as its file is what it was. `names_waiting` are names
    that somebody may still keep for long; null also where users come by no name.
    """

    obstacles: tuple[str, ...] | None = None
    lag_bytes: int | None = None
    schema_same: bool | None = None
    different: tuple[str, ...] | None = None
    compared: int | None = None
    items: int | None = None
    backup_restored: dt.datetime | None = None
    rehearsed: dt.datetime | None = None
    rehearsed_read_only_seconds: float | None = None
    rehearsed_different: tuple[str, ...] | None = None
    rehearsed_gib: float | None = None
    archived: dt.datetime | None = None
    approved_by: tuple[str, ...] | None = None
    source_refuses_writes: bool | None = None
    probes_failed: tuple[str, ...] | None = None
    cut_over: dt.datetime | None = None
    clock_offset_ms: float | None = None
    names_waiting: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Judgement:
    """One gate's verdict on one move, and why in words."""

    gate: str
    verdict: Verdict
    said: str


@dataclass(frozen=True)
class Question:
    """Everything that gates judge by: nothing is read from anywhere else. `now` is local time, as windows are."""

    wave: MigrationWave
    move: Move
    limits: Limits
    measured: Measured
    now: dt.datetime
    freezes: tuple[Freeze, ...] = ()
    clock_limit_ms: float = 100


def judge(wanted: Phase, asked: Question) -> tuple[Judgement, ...]:
    """All gates before a phase, in the order in which people can mend them; no gate before the way back."""
    match wanted:
        case Phase.PROVISIONED:
            return (_approved(asked),)
        case Phase.REPLICATING:
            return (_none_of(asked.measured.obstacles, "obstacles", "nothing stands against this method"),)
        case Phase.REHEARSED:
            return (*_lag(asked), *_schema(asked), *_rehearsal(asked))
        case Phase.FROZEN:
            return (*_before_freeze(asked), *_lag(asked), *_schema(asked))
        case Phase.CUT_OVER:
            return (*_frozen(asked), *_drained(asked), *_same(asked))
        case Phase.SOAKING:
            return (_none_of(asked.measured.probes_failed, "probes", "every probe was answered"),)
        case Phase.RETIRED:
            return (_soaked(asked), _approved(asked), *_archive(asked))
        case _:
            return ()


NEXT: Mapping[str, str] = {
    "approval": "province migrate advance {wave} --approved-by NAME --approved-by NAME",
    "archive": "province migrate backup {wave}",
    "backup": "province migrate backup {wave}",
    "rehearsal": "province migrate rehearse {wave}",
    "read-only": "province migrate rehearse {wave}",
    "rehearsed contents": "province migrate rehearse {wave}",
    "size": "province migrate plan {wave}",
    "window": "province migrate plan {wave}",
    "schema": "province migrate rollback {wave}",
    "contents": "province migrate rollback {wave}",
    "probes": "province migrate rollback {wave}",
}
"""What to run where a gate is shut; the others open by themselves, or when somebody mended what they name."""


def open_(judgements: tuple[Judgement, ...]) -> bool:
    """Whether every gate is open."""
    return all(one.verdict is Verdict.OPEN for one in judgements)


def _say(gate: str, holds: bool | None, said: str) -> Judgement:
    if holds is None:
        return Judgement(gate, Verdict.UNKNOWN, "was not measured")
    return Judgement(gate, Verdict.OPEN if holds else Verdict.SHUT, said)


def _none_of(names: tuple[str, ...] | None, gate: str, good: str) -> Judgement:
    return _say(gate, None if names is None else not names, "; ".join(names or ()) or good)


def _approved(asked: Question) -> Judgement:
    by = asked.measured.approved_by
    people = len(set(by or ()))
    needed = asked.limits.approvers
    return _say("approval", None if by is None else people >= needed, f"{people} of {needed} people approved")


def _lag(asked: Question) -> Iterator[Judgement]:
    if asked.move.method in COPIES_ALL_THE_TIME:
        lag, most = asked.measured.lag_bytes, asked.limits.lag_bytes
        yield _say("lag", None if lag is None else lag <= most, f"{lag} bytes behind, at most {most} may be")


def _drained(asked: Question) -> Iterator[Judgement]:
    if asked.move.method not in HOLDS_NO_DATA:
        lag = asked.measured.lag_bytes
        yield _say("drained", None if lag is None else lag == 0, f"{lag} bytes are not over yet")


def _schema(asked: Question) -> Iterator[Judgement]:
    """Before the freeze there is something to compare only where a schema is there, and rows are copied into it."""
    if asked.move.method in FOLLOWS_A_SCHEMA:
        same = asked.measured.schema_same
        yield _say("schema", same, "the schema is the same" if same else "the schema changed")


def _same(asked: Question) -> Iterator[Judgement]:
    if asked.move.method in HOLDS_NO_DATA:
        return
    seen = asked.measured
    yield _say("schema", seen.schema_same, "the schema is the same" if seen.schema_same else "the schema changed")
    bound = f"{seen.compared} of {seen.items} compared"
    yield _none_of(seen.different, "contents", bound)


def _rehearsal(asked: Question) -> Iterator[Judgement]:
    """What the newest rehearsal showed, held against the plan's figures."""
    limits, seen = asked.limits, asked.measured
    age = _days(asked.now, seen.rehearsed)
    yield _say(
        "rehearsal",
        None if age is None else 0 <= age <= limits.rehearsal_days,
        f"rehearsed {age or 0:.1f} days ago, at most {limits.rehearsal_days} may pass",
    )
    took, most = seen.rehearsed_read_only_seconds, limits.read_only_seconds
    yield _say("read-only", None if took is None else took <= most, f"{took} s in rehearsal, at most {most} s may be")
    yield _none_of(seen.rehearsed_different, "rehearsed contents", "everything was the same, there and back")
    gib, planned = seen.rehearsed_gib, asked.move.size_gib
    said = f"{gib or 0:.2f} GiB, {planned:g} are planned for"
    yield _say("size", None if gib is None else gib <= planned, said)


def _before_freeze(asked: Question) -> Iterator[Judgement]:
    seen = asked.measured
    why = asked.wave.closed(asked.now, asked.freezes)
    yield _say("window", why is None, why or "inside a window")
    yield _approved(asked)
    yield _backup(asked)
    yield from _rehearsal(asked)
    if seen.names_waiting is not None:
        yield _none_of(seen.names_waiting, "names", "nobody keeps an old address for long")
    offset = seen.clock_offset_ms
    most_ms = asked.clock_limit_ms
    yield _say("clock", None if offset is None else abs(offset) <= most_ms, f"{offset} ms off, at most {most_ms}")


def _frozen(asked: Question) -> Iterator[Judgement]:
    yield _say("source frozen", asked.measured.source_refuses_writes, "the old side refuses writes")


def _backup(asked: Question) -> Judgement:
    days = _days(asked.now, asked.measured.backup_restored)
    hours = None if days is None else days * 24
    most = asked.limits.backup_hours
    said = f"a backup was restored {hours or 0:.1f} h ago, at most {most} h may pass"
    return _say("backup", None if hours is None else 0 <= hours <= most, said)


def _archive(asked: Question) -> Iterator[Judgement]:
    """An archive is a backup of the old side as it was after its last write; what holds no data leaves none."""
    if asked.move.method not in HOLDS_NO_DATA:
        made = asked.measured.archived
        yield _say("archive", None if made is None else True, f"made {made}, restored and compared")


def _soaked(asked: Question) -> Judgement:
    days, needed = _days(asked.now, asked.measured.cut_over), asked.limits.soak_days
    return _say("soaked", None if days is None else days >= needed, f"{days or 0:.1f} of {needed} days")


def _days(now: dt.datetime, then: dt.datetime | None) -> float | None:
    return None if then is None else (now - then) / dt.timedelta(days=1)


def loses_writes(move: Move, written_since: int | None) -> str | None:
    """Why a way back after the cut-over would lose writes; None when it loses none."""
    if move.method in FLOWS_BACK or written_since == 0:
        return None
    much = "an unknown number of" if written_since is None else str(written_since)
    return f"{move.method} has no stream back: {much} writes since the cut-over would be lost"
