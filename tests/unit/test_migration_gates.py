"""Each gate opens on good measurements, shuts on each bad one, and never opens on one that nobody took."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from province.fleet.calendar import LOCAL, Freeze
from province.fleet.fleet import Fleet
from province.fleet.migration import Phase
from province.migration.gates import Measured, Question, Verdict, judge, loses_writes, open_
from province.migration.phases import FORWARD

from .freezes import freeze_of

NOW = dt.datetime(2026, 11, 28, 21, 0, tzinfo=LOCAL)
GOOD: dict[str, Any] = {
    "obstacles": (),
    "lag_bytes": 0,
    "schema_same": True,
    "different": (),
    "compared": 5,
    "items": 5,
    "backup_restored": NOW - dt.timedelta(hours=3),
    "rehearsed": NOW - dt.timedelta(days=2),
    "rehearsed_read_only_seconds": 4.0,
    "rehearsed_different": (),
    "rehearsed_gib": 1.5,
    "archived": NOW - dt.timedelta(days=14),
    "approved_by": ("lan", "minh"),
    "source_refuses_writes": True,
    "probes_failed": (),
    "cut_over": NOW - dt.timedelta(days=15),
    "clock_offset_ms": 3.0,
}


def asked(
    fleet: Fleet, changes: dict[str, Any] | None = None, freezes: tuple[Freeze, ...] = (), now: dt.datetime = NOW
) -> Question:
    plan = fleet.migration
    assert plan is not None
    move = next(move for move in plan.moves_of(3) if move.method == "logical-replication")
    return Question(plan.waves[3], move, plan.limits, Measured(**GOOD | (changes or {})), now, freezes)


@pytest.mark.parametrize("wanted", FORWARD[1:])
def test_good_measurements_open_every_gate(fleet: Fleet, wanted: Phase) -> None:
    assert open_(judge(wanted, asked(fleet)))


BAD = [
    (Phase.PROVISIONED, "approval", {"approved_by": ("lan", "lan")}),
    (Phase.REPLICATING, "obstacles", {"obstacles": ("large objects",)}),
    (Phase.REHEARSED, "lag", {"lag_bytes": 2 << 20}),
    (Phase.REHEARSED, "schema", {"schema_same": False}),
    (Phase.REHEARSED, "rehearsal", {"rehearsed": NOW - dt.timedelta(days=15)}),
    (Phase.REHEARSED, "rehearsed contents", {"rehearsed_different": ("documents 1..99",)}),
    (Phase.REHEARSED, "size", {"rehearsed_gib": 121.0}),
    (Phase.FROZEN, "backup", {"backup_restored": NOW - dt.timedelta(hours=25)}),
    (Phase.FROZEN, "backup", {"backup_restored": NOW + dt.timedelta(hours=1)}),
    (Phase.FROZEN, "rehearsal", {"rehearsed": NOW - dt.timedelta(days=15)}),
    (Phase.FROZEN, "read-only", {"rehearsed_read_only_seconds": 301.0}),
    (Phase.FROZEN, "approval", {"approved_by": ("lan",)}),
    (Phase.FROZEN, "schema", {"schema_same": False}),
    (Phase.FROZEN, "clock", {"clock_offset_ms": -5000.0}),
    (Phase.CUT_OVER, "source frozen", {"source_refuses_writes": False}),
    (Phase.CUT_OVER, "drained", {"lag_bytes": 1}),
    (Phase.CUT_OVER, "schema", {"schema_same": False}),
    (Phase.SOAKING, "probes", {"probes_failed": ("an island",)}),
    (Phase.RETIRED, "approval", {"approved_by": ("lan",)}),
    (Phase.RETIRED, "soaked", {"cut_over": NOW - dt.timedelta(days=13)}),
]


@pytest.mark.parametrize(("wanted", "gate", "change"), BAD)
def test_one_bad_measurement_shuts_its_gate_and_no_other(
    fleet: Fleet, wanted: Phase, gate: str, change: dict[str, Any]
) -> None:
    shut = [one.gate for one in judge(wanted, asked(fleet, change)) if one.verdict is Verdict.SHUT]
    assert shut == [gate]


@pytest.mark.parametrize(("wanted", "gate", "change"), BAD)
def test_what_nobody_measured_opens_nothing(fleet: Fleet, wanted: Phase, gate: str, change: dict[str, Any]) -> None:
    judged = {one.gate: one.verdict for one in judge(wanted, asked(fleet, dict.fromkeys(change)))}
    assert judged[gate] is Verdict.UNKNOWN


def test_no_freeze_outside_the_hours_or_on_a_frozen_day(fleet: Fleet) -> None:
    shut = judge(Phase.FROZEN, asked(fleet, now=NOW + dt.timedelta(hours=12)))
    assert [one.gate for one in shut if one.verdict is Verdict.SHUT] == ["window"]
    assert not open_(judge(Phase.FROZEN, asked(fleet, freezes=(freeze_of("cut-over", NOW),))))
    assert open_(judge(Phase.FROZEN, asked(fleet, freezes=(freeze_of("change", NOW),))))


def test_nothing_retires_without_an_archive(fleet: Fleet) -> None:
    judged = {one.gate: one.verdict for one in judge(Phase.RETIRED, asked(fleet, {"archived": None}))}
    assert judged == {"soaked": Verdict.OPEN, "approval": Verdict.OPEN, "archive": Verdict.UNKNOWN}


def test_a_way_back_without_a_stream_says_what_it_would_lose(fleet: Fleet) -> None:
    assert fleet.migration
    standby = next(move for move in fleet.migration.moves.values() if move.method == "physical-standby")
    assert loses_writes(standby, 0) is None
    assert "7 writes" in (loses_writes(standby, 7) or "")
    assert "unknown" in (loses_writes(standby, None) or "")
