"""The conductor of a wave: asks both sides where a move stands, judges the gates, lets hands act, and asks again.

It goes on from what is true, not from what it remembers: killed anywhere and started again, it does what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from province.errors import ProvinceError
from province.fleet.calendar import Freeze
from province.fleet.migration import Limits, MigrationWave, Move, Phase
from province.migration.gates import Judgement, Measured, Question, Verdict, judge, loses_writes
from province.migration.journal import Kind, Line
from province.migration.phases import FORWARD, refused


class Hands(Protocol):
    """Everything that the conductor does outside its journal. Each act changes nothing where it was done already."""

    def phase(self, move: Move) -> Phase:
        """Where a move stands, asked of both sides."""
        ...

    def measure(self, move: Move, wanted: Phase, /) -> Measured:
        """What the gates before a phase judge by."""
        ...

    def act(self, move: Move, wanted: Phase) -> None:
        """Bring a move to a phase; ProvinceError when a side refuses."""
        ...

    def written_since_cut_over(self, move: Move, /) -> int | None:
        """How many writes the new side took since; None when nobody can tell."""
        ...


class Writer(Protocol):
    """Where lines go."""

    def add(self, line: Line) -> None:
        """Write a line, durably, before anything else happens."""
        ...


@dataclass(frozen=True)
class Order:
    """What is wanted of a wave, by whom; `now` gives local time."""

    wave: MigrationWave
    moves: tuple[Move, ...]
    limits: Limits
    who: str
    now: Callable[[], datetime]
    freezes: tuple[Freeze, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Where each move is by now, and what the first that could not go on waits for."""

    phases: dict[str, Phase]
    waits: str | None = None
    shut: tuple[Judgement, ...] = ()


def advance(order: Order, wanted: Phase, journal: Writer, hands: Hands) -> Outcome:
    """Bring each move of a wave to the next phase, or say which gates are shut; moves that are there are left alone.

    Raises ProvinceError for a phase beyond the one that the wave's file allows, and for an illegal step.
    """
    allowed = order.wave.phase
    if allowed not in FORWARD or FORWARD.index(wanted) > FORWARD.index(allowed):
        raise ProvinceError(
            f"wave {order.wave.id} may go as far as {allowed}, not {wanted}",
            hint="a change of `phase` in migration/waves.yml, reviewed and merged, allows it",
        )
    return _each(order, order.moves, wanted, journal, hands)


def roll_back(order: Order, journal: Writer, hands: Hands, why: str = "") -> Outcome:
    """Bring every move of a wave back to the old side, the last first; refused where writes would be lost.

    `why`: what made it go back, where nobody typed the command.
    """
    for move in order.moves:
        after = hands.phase(move) in {Phase.CUT_OVER, Phase.SOAKING}
        if after and (loss := loses_writes(move, hands.written_since_cut_over(move))):
            mend = "carry them over by hand first, or mend what is wrong there"
            raise ProvinceError(f"{move.id}: {loss}", hint=mend)
    there = tuple(move for move in reversed(order.moves) if hands.phase(move) is not Phase.DECLARED)
    return _each(order, there, Phase.ROLLED_BACK, journal, hands, why)


def _each(order: Order, moves: Iterable[Move], wanted: Phase, journal: Writer, hands: Hands, why: str = "") -> Outcome:
    outcome = Outcome({})
    for move in moves:
        now = hands.phase(move)
        if now is not wanted and not _beyond(now, wanted):
            if reason := refused(now, wanted):
                hint = "`province migrate status` shows where each move stands"
                raise ProvinceError(f"{move.id}: {reason}", hint=hint)
            shut = _step(order, move, wanted, journal, hands, why)
            now = hands.phase(move)
            outcome = replace(outcome, phases=outcome.phases | {move.id: now})
            if shut:
                return replace(outcome, waits=move.id, shut=shut)
        outcome = replace(outcome, phases=outcome.phases | {move.id: now})
    return outcome


def _beyond(now: Phase, wanted: Phase) -> bool:
    """Whether a move of a wave that was stopped halfway went further than the rest."""
    return now in FORWARD and wanted in FORWARD and FORWARD.index(now) > FORWARD.index(wanted)


def _step(order: Order, move: Move, wanted: Phase, journal: Writer, hands: Hands, why: str) -> tuple[Judgement, ...]:
    """One move, one phase; the gates that are not open, if any."""

    def say(kind: Kind, said: str = "") -> None:
        when = order.now()
        journal.add(
            Line(time=when, wave=order.wave.id, move=move.id, kind=kind, phase=wanted, who=order.who, said=said)
        )

    measured = hands.measure(move, wanted)
    question = Question(order.wave, move, order.limits, measured, order.now(), order.freezes)
    judged = judge(wanted, question)
    shut = tuple(one for one in judged if one.verdict is not Verdict.OPEN)
    if shut:
        say(Kind.SHUT, "; ".join(f"{one.gate} {one.verdict}: {one.said}" for one in shut))
        return shut
    say(Kind.BEGUN, "; ".join([*([why] if why else []), *(f"{one.gate}: {one.said}" for one in judged)]))
    try:
        hands.act(move, wanted)
    except ProvinceError as error:
        say(Kind.FAILED, str(error))
        raise
    now = hands.phase(move)
    if now is not wanted:
        say(Kind.FAILED, f"it is {now}")
        raise ProvinceError(f"{move.id}: was brought to {wanted}, but both sides say {now}")
    say(Kind.REACHED)
    return ()
