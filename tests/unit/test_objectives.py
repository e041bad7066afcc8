"""Promises: those of tiers hold unless a system promises more, and what the entrance counts can judge them."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.objective import ANSWER_MS, BURNS, WINDOW_DAYS

from .conftest import Edit

CHECKOUT = Path(__file__).resolve().parents[2]
LAND = "fleet/systems/land.yml"
QUICK = "quick_percent: 95, quick_ms: 1000, source: A}"


def promise(edit: Edit, text: str) -> None:
    edit(LAND, "tier: B\n", f"tier: B\nobjective: {text}\n")


def test_a_system_may_promise_more_than_its_tier(edit: Edit, data: Path) -> None:
    promise(edit, f"{{available_percent: 99.9, {QUICK}")
    fleet = load_fleet("production", root=data)
    promised = fleet.systems["land"].objective_in(fleet.tiers)
    assert promised
    assert (promised.failed_budget, promised.slow_budget) == (0.001, 0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{{available_percent: 99, {QUICK}", "promises less than tier B"),
        ("{available_percent: 99.5, quick_percent: 95, quick_ms: 2500, source: A}", "promises less than tier B"),
        ("{available_percent: 99.5, quick_percent: 95, quick_ms: 900, source: A}", "the entrance tells apart 50, 100"),
        (f"{{available_percent: 100, {QUICK}", "less than 100"),
    ],
)
def test_less_than_the_tier_or_what_nobody_can_judge_is_refused(edit: Edit, data: Path, text: str, said: str) -> None:
    promise(edit, text)
    with pytest.raises(BadData) as caught:
        load_fleet("production", root=data)
    assert said in str(caught.value)
    assert LAND in str(caught.value)


def test_tiers_that_come_back_sooner_promise_no_less(fleet: Fleet) -> None:
    promised = [one.objective for one in fleet.tiers.values() if one.objective]
    assert len(promised) == 3
    assert all(better.is_as_strict_as(worse) for better, worse in pairwise(promised))


def test_the_entrance_tells_the_same_times_apart() -> None:
    source = (CHECKOUT / "tools/entrance/metrics.go").read_text(encoding="utf-8")
    found = re.search(r"var bounds = \[\]float64\{([^}]*)\}", source)
    assert found
    assert tuple(round(float(one) * 1000) for one in found[1].split(",")) == ANSWER_MS


def test_burns_are_those_of_the_workbook() -> None:
    """A page: 2 % of the budget in an hour, 5 % in six; a ticket: 10 % in a day or in three."""
    hours = {"1h": 1, "6h": 6, "1d": 24, "3d": 72}
    used = [round(burn.times * hours[burn.long] / (WINDOW_DAYS * 24), 3) for burn in BURNS]
    assert used == [0.02, 0.05, 0.1, 0.1]
