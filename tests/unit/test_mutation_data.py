"""The recorded sabotages, by themselves: complete, about tests that exist, and spread so that each shows alone."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from province.fleet.control import HOST_CLASSES, AppliesTo
from province.fleet.load import load_fleet
from province.verify.evidence import Record
from province.verify.outcome import Outcome
from tests.lab.sabotage import Sabotage, judged, load, spread

HOST_TESTS = Path(__file__).resolve().parents[1] / "host"
DATA = load()
LAB = load_fleet("lab")


@cache
def controls_by_test() -> dict[str, set[int]]:
    """The controls that every host test is marked with."""
    found: dict[str, set[int]] = {}
    for path in HOST_TESTS.glob("test_*.py"):
        for one in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                calls = (call for call in one.decorator_list if isinstance(call, ast.Call))
                numbers = {
                    argument.value
                    for call in calls
                    if isinstance(call.func, ast.Name) and call.func.id == "control"
                    for argument in call.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
                }
                found[f"{path.stem.removeprefix('test_')}::{one.name}"] = numbers
    return found


def test_every_host_control_is_broken_or_says_why_not() -> None:
    controls = LAB.controls
    of_hosts = {number for number, one in controls.items() if set(one.applies_to) & set(HOST_CLASSES)}
    broken = {row.control for row in DATA.sabotages}
    assert broken | set(DATA.not_shown) == of_hosts
    assert broken & set(DATA.not_shown) == set()


def test_a_control_with_a_host_test_has_a_sabotage_but_for_the_audit_daemon_and_what_clusters_refuse() -> None:
    tested: set[int] = set().union(*controls_by_test().values())
    refused = {77, 79}  # no object that breaks them gets past the API server (tests/cluster/test_admission.py)
    assert tested - {row.control for row in DATA.sabotages} == {62} | refused
    assert all(set(LAB.controls[number].applies_to) == {AppliesTo.CLUSTER} for number in refused)


def test_every_sabotage_names_checks_of_its_control() -> None:
    known = controls_by_test()
    named = [(row.control, test) for row in DATA.sabotages for test in row.tests]
    assert [one for one in named if one[0] not in known.get(one[1].partition("[")[0], ())] == []


def test_rows_are_spread_over_hosts_of_their_class_so_that_no_check_is_broken_twice() -> None:
    hosts = LAB.hosts
    plan = spread(DATA.sabotages, list(hosts.values()))
    assert sum(map(len, plan.values())) == len(DATA.sabotages)
    for name, rows in plan.items():
        assert {row.where for row in rows} == {hosts[name].host_class}
        tests = [test for row in rows for test in row.tests]
        assert len(tests) == len(set(tests))


def test_a_row_that_no_host_can_take_is_named() -> None:
    row = DATA.sabotages[0]
    with pytest.raises(LookupError, match=f"control {row.control}: no {row.where} is left"):
        spread([row] * 3, list(LAB.hosts.values()))


def record(outcome: Outcome, message: str = "") -> Record:
    return Record.model_validate(
        {
            "run": "r",
            "time": "2026-11-25T08:00:00Z",
            "host": "h",
            "test": "m::t",
            "subject": "m",
            "outcome": outcome,
            "message": message,
            "commit": "c",
            "verifier": "v",
        }
    )


@pytest.mark.parametrize(
    ("spoilt", "mended", "why"),
    [
        (record(Outcome.FAIL, "'yes' == 'no'"), record(Outcome.PASS), ""),
        (record(Outcome.WAIVED, "the lab cannot: 'yes' == 'no'"), record(Outcome.PASS), ""),
        (record(Outcome.PASS), record(Outcome.PASS), "m::t is pass on the broken host"),
        (record(Outcome.UNREACHABLE), record(Outcome.PASS), "m::t is unreachable on the broken host"),
        (record(Outcome.FAIL, "something else"), record(Outcome.PASS), "does not show \"'yes'\": something else"),
        (record(Outcome.FAIL, "'yes'"), record(Outcome.FAIL, "still"), "m::t is fail on the mended host: still"),
    ],
)
def test_a_sabotage_counts_when_its_check_fails_for_its_reason_and_passes_again(
    spoilt: Record, mended: Record, why: str
) -> None:
    row = Sabotage(control=1, where="edge", tests={"m::t": "'yes'"}, breaks="b", mends="m")
    assert judged("h", row, {("h", "m::t"): spoilt}, {("h", "m::t"): mended}).why.endswith(why)
    assert bool(judged("h", row, {("h", "m::t"): spoilt}, {("h", "m::t"): mended}).why) == bool(why)
    assert judged("h", row, {}, {}).why == "m::t was not run"
