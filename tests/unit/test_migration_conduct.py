"""The conductor: killed after each line and started again, refused, stopped by gates; the journal on disk."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.migration import Move, Phase
from province.migration.conduct import Order, advance, roll_back
from province.migration.gates import Measured
from province.migration.journal import Journal, Kind, Line, alone
from province.migration.phases import FORWARD
from tests.unit.test_migration_gates import GOOD, NOW


class Killed(BaseException):
    """The controller is gone."""


@dataclass
class Sides:
    """Both sides as the conductor sees them: where each move stands, and how often it was brought there."""

    at: dict[str, Phase]
    acts: list[tuple[str, Phase]] = field(default_factory=list)
    bad: dict[str, object] = field(default_factory=dict)
    stuck: bool = False

    def phase(self, move: Move) -> Phase:
        return self.at[move.id]

    def measure(self, _move: Move, _wanted: Phase, /) -> Measured:
        return Measured(**GOOD | self.bad)

    def act(self, move: Move, wanted: Phase) -> None:
        self.acts.append((move.id, wanted))
        if not self.stuck:
            self.at[move.id] = wanted

    def written_since_cut_over(self, _move: Move, /) -> int | None:
        return None


@dataclass
class Lines:
    """A journal that kills its writer after so many lines."""

    left: int = 1000
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.left -= 1
        if self.left == 0:
            raise Killed


def order(fleet: Fleet, wave: int = 3, phase: Phase = Phase.RETIRED) -> Order:
    assert fleet.migration
    declared = fleet.migration.waves[wave].model_copy(update={"phase": phase})
    return Order(declared, fleet.migration.moves_of(wave), fleet.migration.limits, "lan", lambda: NOW)


def new(wanted: Order) -> Sides:
    return Sides({move.id: Phase.DECLARED for move in wanted.moves})


def whole_way(wanted: Order, journal: Lines, sides: Sides) -> None:
    for phase in FORWARD[1:]:
        advance(wanted, phase, journal, sides)


def test_a_wave_goes_all_the_way_and_again_does_nothing(fleet: Fleet) -> None:
    wanted = order(fleet)
    sides, journal = new(wanted), Lines()
    whole_way(wanted, journal, sides)
    assert set(sides.at.values()) == {Phase.RETIRED}
    before = len(journal.lines)
    advance(wanted, Phase.RETIRED, journal, sides)
    assert len(journal.lines) == before == 2 * 7 * len(wanted.moves)


@pytest.mark.parametrize("lines", range(1, 57))
def test_killed_after_any_line_it_goes_on_from_what_is_true(fleet: Fleet, lines: int) -> None:
    wanted = order(fleet)
    sides, journal = new(wanted), Lines(lines)
    with pytest.raises(Killed):
        whole_way(wanted, journal, sides)
    whole_way(wanted, journal, sides)
    assert set(sides.at.values()) == {Phase.RETIRED}
    assert len(sides.acts) == len(set(sides.acts)) == 7 * len(wanted.moves)


def test_a_shut_gate_stops_the_wave_and_says_what_it_waits_for(fleet: Fleet) -> None:
    wanted = order(fleet)
    sides, journal = new(wanted), Lines()
    sides.bad = {"approved_by": ("lan",)}
    outcome = advance(wanted, Phase.PROVISIONED, journal, sides)
    assert (outcome.waits, [one.gate for one in outcome.shut]) == (wanted.moves[0].id, ["approval"])
    assert (sides.acts, [line.kind for line in journal.lines]) == ([], [Kind.SHUT])


def test_no_further_than_people_allowed(fleet: Fleet) -> None:
    wanted = order(fleet, phase=Phase.PROVISIONED)
    with pytest.raises(ProvinceError, match="may go as far as provisioned, not replicating"):
        advance(wanted, Phase.REPLICATING, Lines(), new(wanted))


def test_no_phase_is_left_out(fleet: Fleet) -> None:
    wanted = order(fleet)
    with pytest.raises(ProvinceError, match="provisioned comes before replicating"):
        advance(wanted, Phase.REPLICATING, Lines(), new(wanted))


def test_what_did_not_become_true_is_a_failure(fleet: Fleet) -> None:
    wanted = order(fleet)
    sides, journal = new(wanted), Lines()
    sides.stuck = True
    with pytest.raises(ProvinceError, match="both sides say declared"):
        advance(wanted, Phase.PROVISIONED, journal, sides)
    assert journal.lines[-1].kind is Kind.FAILED


def test_the_way_back_goes_the_other_way_round(fleet: Fleet) -> None:
    wanted = order(fleet)
    sides = new(wanted)
    sides.at = dict.fromkeys(sides.at, Phase.REPLICATING)
    roll_back(wanted, Lines(), sides)
    assert [name for name, _ in sides.acts] == [move.id for move in reversed(wanted.moves)]


def test_a_way_back_that_would_lose_writes_is_refused(fleet: Fleet) -> None:
    wanted = order(fleet, 4)
    sides = new(wanted)
    sides.at = dict.fromkeys(sides.at, Phase.CUT_OVER)
    with pytest.raises(ProvinceError, match="would be lost"):
        roll_back(wanted, Lines(), sides)
    assert not sides.acts


def line(said: str) -> Line:
    when = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    return Line(time=when, wave=3, move="m", kind=Kind.BEGUN, phase=Phase.FROZEN, who="lan", said=said)


def test_a_torn_line_never_counted(tmp_path: Path) -> None:
    with alone(tmp_path, 3) as journal:
        journal.add(line("one"))
        with journal.path.open("ab") as file:
            file.write(b'{"time": "20')
        assert [one.said for one in journal.read()] == ["one"]
        journal.add(line("two"))
    assert [one.said for one in Journal(journal.path).read()] == ["one", "two"]


def test_a_changed_line_is_named(tmp_path: Path) -> None:
    with alone(tmp_path, 3) as journal:
        journal.add(line("one"))
        journal.path.write_bytes(b"{}\n" + journal.path.read_bytes())
        with pytest.raises(ProvinceError, match=r"wave-3\.jsonl line 1"):
            journal.read()


def test_a_second_conductor_is_refused(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(ProvinceError, match="another process"), alone(tmp_path, 3):
            pass
    finally:
        os.close(handle)
