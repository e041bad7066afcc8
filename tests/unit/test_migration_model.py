"""The facts of the move: their order, their hours, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from province.fleet.calendar import LOCAL, Window
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.migration import Migration, before, in_order
from tests.unit.conftest import Edit

from .freezes import freeze_of


@pytest.fixture
def plan(fleet: Fleet) -> Migration:
    assert fleet.migration is not None
    return fleet.migration


def test_each_move_stands_after_what_it_needs(plan: Migration) -> None:
    for wave in plan.waves:
        names = [move.id for move in plan.moves_of(wave)]
        for place, name in enumerate(names):
            assert not set(plan.moves[name].needs) & set(names[place:])


def test_waves_are_over_before_those_that_wait_for_them(plan: Migration) -> None:
    assert before(plan, 4) == {0, 1, 2, 3, 4}


def test_who_wait_for_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        in_order({"a": ["b"], "b": ["a"], "c": []})


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("waves", "moves: [mail-an-giang, ", "moves: [mail-an-gian, ", 'did you mean "mail-an-giang"?'),
        ("waves", "moves: [mail-an-giang, ", "moves: [", "stands in 0 waves"),
        ("waves", "moves: [mail-an-giang, ", "moves: [trial-an-giang, mail-an-giang, ", "stands in 2 waves"),
        ("waves", "after: [0]", "after: [6]", "wait for each other"),
        ("waves", "windows: [{days: [mon", "windows: [] # [{days: [mon", "moves something at no hour"),
        ("moves", "needs: []", "needs: [document-gateway-an-giang]", "wait for each other"),
        ("moves", "host: databases-an-giang", "host: databases-kien-giang", "no such host of that room"),
        ("moves", "system: mail", "system: trial", "replaces 2 old systems, and 1 of them move"),
        ("moves", "system: mail", "system: null", "what retires goes to no system"),
        ("moves", "system: mail", "system: blockchain", "has no room in a cluster"),
        ("limits", "lag_bytes: 1048576", "lag_byte: 1048576", 'did you mean "lag_bytes"?'),
    ],
)
def test_bad_facts_are_refused_with_a_way_to_mend_them(
    data: Path, edit: Edit, file: str, old: str, new: str, said: str
) -> None:
    edit(f"fleet/migration/{file}.yml", old, new)
    with pytest.raises(BadData) as refused:
        load_fleet("lab", data)
    assert said in str(refused.value)


def test_what_moves_has_a_room_that_keeps_account_of_it(data: Path) -> None:
    (data / "fleet" / "platform" / "migration.yml").unlink()
    with pytest.raises(BadData, match=r"the platform has no part `migration`; add platform/migration\.yml"):
        load_fleet("lab", data)


def test_what_moves_later_cannot_be_needed(data: Path, edit: Edit) -> None:
    waves = "fleet/migration/waves.yml"
    edit(waves, "moves: [e-office-an-giang, document-gateway-an-giang, ", "moves: [document-gateway-an-giang, ")
    edit(waves, "moves: [one-stop-an-giang, ", "moves: [e-office-an-giang, one-stop-an-giang, ")
    with pytest.raises(BadData, match="needs e-office-an-giang, which moves later"):
        load_fleet("lab", data)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=LOCAL)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-28 19:59", False),  # a Saturday
        ("2026-11-28 20:00", True),
        ("2026-11-29 04:59", True),
        ("2026-11-29 05:00", False),
        ("2026-11-28 04:00", False),  # the night from Friday
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    window = Window.model_validate({"days": ["sat"], "begins": "20:00", "ends": "05:00", "source": "A"})
    assert window.holds(at(moment)) is inside


def test_a_freeze_closes_every_window(plan: Migration) -> None:
    moment = at("2026-11-28 21:00")
    assert plan.waves[3].closed(moment, []) is None
    assert "Session" in (plan.waves[3].closed(moment, [freeze_of("cut-over", moment)]) or "")
    assert "outside" in (plan.waves[3].closed(at("2026-11-30 10:00"), []) or "")
