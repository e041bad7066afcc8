"""The benchmark of stacks: what it makes of seconds, and that the facts which it fills up are still a province."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.pulumi.figures import Change, Whole, cost, goals
from bench.pulumi.scale import PODS, STAND_IN, twice
from bench.shown.stacks import stacks_part
from province.fleet.load import inventories_root, load_fleet

COLUMNS = ("created", "preview", "up_without_change")


def test_what_an_object_costs_holds_nothing_of_the_start() -> None:
    assert cost(1.5, {50: 2.0, 150: 3.0, 300: 4.5}) == {"start_seconds": 1.5, "ms_per_object": 10.0}


@pytest.mark.parametrize(("one", "plan", "met"), [(100.0, 4.5, [True, True, False]), (50.0, 6.1, [False] * 3)])
def test_a_goal_is_met_on_its_own_side_of_the_limit(one: float, plan: float, met: list[bool]) -> None:
    found = goals(Whole([10.0, 30.0], one), Change(plan=plan, preview=2.0, preview_with_refresh=4.0))
    assert [goal["met"] for goal in found] == met
    assert found[0]["found"] == one / 40.0


def test_what_was_found_is_shown_and_nothing_is_where_nothing_was_run() -> None:
    took = {"seconds": 2.0, "cpu_seconds": 1.0}
    pulumi = {
        "resources": 1000,
        "stacks": {"lab.here.cluster": {}, "lab.here.platform": {}},
        "all_stacks_seconds": 40.0,
        "one_stack": {"created": {"seconds": 120.0}, "preview": took},
        "nothing_to_change": {"seconds": 3.0, "started": []},
        "one_system_changed": {"system": "mail", "started": ["lab.here.platform"]}
        | {"plan_seconds": 6.0, "preview_seconds": 3.0, "preview_with_refresh_seconds": 5.0},
        "cost": {"created": cost(1.5, {50: 2.0, 150: 3.0}), "preview": cost(1.0, {50: 1.2, 150: 1.4})},
    }
    scale = {"nodes": 202, "pods": 5040, "stacks": {"lab.here.cluster": dict.fromkeys(COLUMNS, took)}}
    text = "\n".join(stacks_part({"pulumi": pulumi, "pulumi-scale": scale}))
    assert "2 stacks take 40 s one after the other, one stack with the same resources 120 s" in text
    assert "| previewed, nothing changed | 1 | 2 |" in text
    assert "| lab.here.cluster | 2 | 2 | 2 |" in text
    assert list(stacks_part({})) == []


def test_the_catalogue_twice_is_a_province_with_as_many_pods_as_asked(tmp_path: Path) -> None:
    shutil.copytree(inventories_root(), tmp_path / "inventories", ignore=shutil.ignore_patterns("descriptors"))
    before = load_fleet("lab")
    twice(tmp_path / "inventories" / "fleet" / "systems")
    fleet = load_fleet("lab", tmp_path / "inventories")
    alone = [system for system in before.systems.values() if any(one.duty for one in system.components.values())]
    assert len(fleet.systems) == 2 * len(before.systems) - len(alone)
    workloads = [one for system in fleet.systems.values() for one in system.components.values() if one.image]
    assert {one.image for one in workloads} == {STAND_IN}
    assert sum(one.replicas or 1 for one in workloads) >= PODS
