"""When a move goes back by itself: over its threshold for long enough, and by no figure that nobody has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.migration import Move, Phase, Trigger
from province.migration.telling import measured
from province.migration.watch import Seen, Watch, fires
from tests.unit.test_migration_conduct import order
from tests.unit.test_migration_gates import NOW


def trigger(minutes: int, over: float = 2) -> Trigger:
    return Trigger(what="errors of requests", over=over, unit="percent", minutes=minutes, source="A")


def seen(*figures: float | None, every: int = 5) -> list[Seen]:
    return [Seen(NOW + timedelta(minutes=every * number), figure) for number, figure in enumerate(figures)]


@pytest.mark.parametrize(
    ("minutes", "figures", "goes"),
    [
        (0, (), False),
        (0, (2.0,), False),
        (0, (2.1,), True),
        (0, (9.0, 1.0), False),
        (15, (9.0, 9.0, 9.0), False),
        (15, (9.0, 9.0, 9.0, 9.0), True),
        (15, (9.0, 9.0, 1.0, 9.0), False),
        (15, (1.0, 9.0, 9.0, 9.0), False),
        # What nobody measured is neither fine nor over.
        (0, (None,), False),
        (15, (9.0, None, None, 9.0), True),
        (15, (9.0, None, None, None), False),
    ],
)
def test_it_fires_over_the_threshold_for_long_enough(minutes: int, figures: tuple[float | None], goes: bool) -> None:
    assert (fires(trigger(minutes), seen(*figures)) is not None) is goes


def test_it_says_what_why_and_how_much() -> None:
    said = fires(trigger(15), seen(9.0, 9.0, 9.0, 9.5))
    assert said == "errors of requests: 9.5 percent for 15 min, over 2"


def test_one_move_brings_its_wave_back_and_only_while_users_write_there(fleet: Fleet) -> None:
    wanted = order(fleet)
    phases = dict.fromkeys((move.id for move in wanted.moves), Phase.FROZEN)
    figures = {move.id: 0.0 for move in wanted.moves}

    def figure(move: Move, _trigger: Trigger) -> float | None:
        return figures[move.id]

    watch = Watch(wanted, lambda move: phases[move.id], figure)
    assert list(watch.look()) == []
    phases = dict.fromkeys(phases, Phase.SOAKING)
    assert (len(list(watch.look())), watch.why()) == (len(wanted.moves), None)
    figures["e-office-kien-giang"] = 1
    list(watch.look())
    assert watch.why() == "e-office-kien-giang: lost or duplicated documents: 1 documents, over 0"


def test_a_side_that_does_not_answer_is_said_and_ends_no_watch(fleet: Fleet) -> None:
    wanted = order(fleet)
    errors = [ProvinceError("host=new: no answer in 600 s", exit_code=ExitCode.UNREACHABLE)]

    def figure(_move: Move, _trigger: Trigger) -> float | None:
        if errors:
            raise errors[0]
        return 0

    watch = Watch(wanted, lambda _move: Phase.SOAKING, figure)
    (move, one), *_ = watch.look()
    assert (one.figure, watch.why()) == (None, None)
    assert "nobody could measure it: host=new: no answer in 600 s, goes back over 0" in measured(move, one)
    errors[0] = ProvinceError("mend `trigger.asks`", exit_code=ExitCode.BAD_DATA)
    with pytest.raises(ProvinceError, match=r"trigger\.asks"):
        list(watch.look())
    errors.clear()
    assert [one.figure for _, one in watch.look()] == [0] * len(wanted.moves)


def test_it_counts_for_as_long_as_it_looks_and_keeps_no_more(fleet: Fleet) -> None:
    wanted = order(fleet, 4)
    now = [NOW]
    watch = Watch(replace(wanted, now=lambda: now[0]), lambda _move: Phase.CUT_OVER, lambda _move, _trigger: 1.5)
    for _ in range(16):
        assert watch.why() is None
        list(watch.look())
        now[0] += timedelta(minutes=1)
    assert watch.why() == "data-exchange-an-giang: errors of partners: 1.5 percent for 15 min, over 1"
    for _ in range(60):
        list(watch.look())
        now[0] += timedelta(minutes=1)
    assert max(map(len, watch.seen.values())) <= 31
