"""Releases of updates: who may have which on a day, what is refused in the model, and the verbs over hosts made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from province.errors import ExitCode
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.updates import SITES, release_for, ring_of, seconds_on_line
from province.rollout.controller import all_runs

from .action_world import Desk, desk_at
from .conftest import Edit
from .test_bad_data import problems
from .test_calendar import FOREVER

SUITE = "trixie-20261116"
NODES = ("phu-quoc-party", "phu-quoc-people")
WHY = ("--reason", "November", "--ticket", "OPS-114", "--go")
RELEASES, HOLDS = "fleet/registers/update-releases.yml", "fleet/registers/update-holds.yml"
NEXT = """rows:
  - {id: trixie-20261214, since: 2026-12-15, reason: December, owner: science-technology, source: A}
"""


def day(number: int, month: int = 11, hour: int = 12) -> datetime:
    """A moment of that day of 2026, local time."""
    return datetime(2026, month, number, hour, tzinfo=LOCAL)


def of_ring(fleet: Fleet, ring: str) -> str:
    """A host of a ring."""
    return next(name for name, host in fleet.hosts.items() if ring_of(fleet, host) == ring)


def test_every_host_has_a_ring_and_islands_come_last(fleet: Fleet) -> None:
    rings = {name: ring_of(fleet, host) for name, host in fleet.hosts.items()}
    assert {rings[one] for one in NODES} == {"islands"}
    assert rings["rach-gia-gateway-1"] == SITES
    assert fleet.province.updates.rings[-1].id == "islands"
    assert list(rings.values()).count("canary") == 2


@pytest.mark.parametrize(
    ("ring", "before", "first"), [("canary", 16, 17), ("early", 18, 19), (SITES, 21, 22), ("rest", 28, 29)]
)
def test_a_release_comes_to_each_ring_on_its_day(fleet: Fleet, ring: str, before: int, first: int) -> None:
    """Let out on 17 November; the last minute of the day before is still too early."""
    host = fleet.hosts[of_ring(fleet, ring)]
    assert release_for(fleet, host, day(before, hour=23)) is None
    found = release_for(fleet, host, day(first, hour=0))
    assert found is not None
    assert found.id == SUITE


def test_the_newest_release_that_has_come_is_taken(data: Path, edit: Edit) -> None:
    edit(RELEASES, "rows:\n", NEXT)
    fleet = load_fleet("production", root=data)
    hosts = [fleet.hosts[of_ring(fleet, ring)] for ring in ("canary", "islands")]
    found = [[getattr(release_for(fleet, host, day(one, 12)), "id", "") for one in (14, 15, 29)] for host in hosts]
    assert found == [[SUITE, "trixie-20261214", "trixie-20261214"], [SUITE, SUITE, "trixie-20261214"]]


def test_where_no_calendar_is_kept_a_release_is_there_for_all_at_once() -> None:
    lab = load_fleet("lab")
    assert {getattr(release_for(lab, host, day(17)), "id", "") for host in lab.hosts.values()} == {SUITE}
    assert {getattr(release_for(lab, host, day(16)), "id", "") for host in lab.hosts.values()} == {""}


def test_a_month_on_an_islands_line_takes_minutes_and_an_hour_when_the_line_is_full(fleet: Fleet) -> None:
    """114.2 MB; 90 % of 6 Mbps, and 5 % of that."""
    month = fleet.province.updates.month_mb
    assert seconds_on_line(fleet, 6, month, full=False) == pytest.approx(114.2 * 8 / 5.4)
    assert seconds_on_line(fleet, 6, month, full=True) == pytest.approx(114.2 * 8 / 0.27)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("fleet/province.yml", "{id: islands,", "{id: isles,", 'did you mean "islands"'),
        ("fleet/province.yml", "    - {id: broad,   after_days: 7}\n", "", "a ring that is missing (is broad)"),
        ("fleet/province.yml", "after_days: 5}", "after_days: 1}", "each comes as late as the one before it"),
        ("fleet/province.yml", "after_days: 14}", "after_days: 31}", "the last has a release after 31 days"),
        ("fleet/province.yml", "valid_days: 60", "valid_days: 40", "give it 44"),
        ("fleet/province.yml", "classes: [edge], windows", "classes: [egde], windows", 'did you mean "edge"'),
        (RELEASES, "since: 2026-11-17", "since: 2026-11-15", "`since` is before 2026-11-16"),
        (RELEASES, "owner: science-technology", "owner: nobody", "nobody"),
        (RELEASES, "id: trixie-20261116", "id: november", "rows.0.id"),
        (RELEASES, "id: trixie-20261116", "id: trixie-20261316", "month must be in 1..12"),
    ],
)
def test_bad_facts_are_named(data: Path, edit: Edit, file: str, old: str, new: str, said: str) -> None:
    edit(file, old, new)
    assert said in problems(data)


@dataclass
class Updated:
    """Hosts that answer as the node's own code does; `asked` is everything that they were asked."""

    trouble: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    has: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@dataclass
class Contact:
    """A way to one of them."""

    world: Updated
    host: str

    def send(self, request: bytes) -> str:
        asked = json.loads(request.splitlines()[1])
        self.world.asked.append((self.host, asked))
        if said := self.world.trouble.get(self.host):
            return json.dumps({"trouble": said})
        suite = asked["suite"]
        has = {"suite": self.world.has.get(self.host, "")}
        fresh = has["suite"] != suite
        changes = ["openssl 3.5.1 → 3.5.7"] if fresh else []
        if asked["verb"] == "update-take":
            self.world.has[self.host] = suite
        answer = {"changes": changes, "bytes": 1_500_000 * fresh, "has": has, "interrupted": False, "repaired": False}
        return json.dumps({**answer, "failed": self.world.failed, "restarted": ["chrony.service"], "reboot": []})

    def renew(self) -> None: ...


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Updated:
    made = Updated()
    monkeypatch.setattr("province.ops.actions.update_hosts.ask", _asking(made))
    return made


def _asking(world: Updated) -> Any:
    from province.ops.node_wire import ask  # noqa: PLC0415 - the name in the action is replaced by this one

    return lambda contact, asked: ask(Contact(world, contact.host), asked)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return desk_at(tmp_path, monkeypatch)


def test_hosts_take_their_release_one_body_after_the_other(desk: Desk, world: Updated) -> None:
    code, said = desk("op", "update-hosts", *NODES)
    assert code == 0, said
    assert f"would take {SUITE}: 1 packages, 1.5 MB: openssl 3.5.1 → 3.5.7\n  2 hosts: {' '.join(NODES)}" in said
    assert {one["verb"] for _, one in world.asked} == {"update-look"}
    code, said = desk("op", "update-hosts", *NODES, *WHY, "--yes-hosts", "2")
    assert code == 0, said
    assert world.has == dict.fromkeys(NODES, SUITE)
    (run,) = all_runs(desk.runs)
    assert [len(batch.plan.hosts) for batch in run.batches] == [1, 1]
    taken = [one for _, one in world.asked if one["verb"] == "update-take"]
    assert {one["reason"] for one in taken} == {"OPS-114 November"}
    assert "nothing to do on 2 hosts" in desk("op", "update-hosts", *NODES)[1]


def test_fetching_ahead_installs_nothing(desk: Desk, world: Updated) -> None:
    code, said = desk("op", "update-hosts", *NODES, "--fetch", *WHY, "--yes-hosts", "2")
    assert code == 0, said
    assert {one["verb"] for _, one in world.asked} == {"update-look", "update-fetch"}


def test_fetching_needs_no_window_and_installing_does(
    data: Path, edit: Edit, desk: Desk, world: Updated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a day that is frozen."""
    edit("lab/environment.yml", "keeps_calendar: false", "keeps_calendar: true")
    (data / "fleet/registers/freezes.yml").write_text(FOREVER, encoding="utf-8")
    edit(RELEASES, "id: trixie-20261116", "id: trixie-20200101")
    edit(RELEASES, "since: 2026-11-17", "since: 2020-01-02")
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    code, said = desk("op", "update-hosts", NODES[0], *WHY, "--yes-hosts", "1")
    assert (code, world.asked) == (ExitCode.FAILED, []), said
    assert "not now: freeze for-ever" in said
    assert desk("op", "update-hosts", NODES[0], "--fetch", *WHY, "--yes-hosts", "1")[0] == 0


def test_what_a_host_refuses_stops_all_before_anything_is_done(desk: Desk, world: Updated) -> None:
    world.trouble = {NODES[1]: "the mirror gave the index of trixie-20261016"}
    code, said = desk("op", "update-hosts", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert f"{NODES[1]}: the mirror gave the index of trixie-20261016" in said
    assert world.has == {}


def test_a_unit_that_failed_since_stops_the_run_at_its_batch(
    desk: Desk, world: Updated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.ops.actions.update_hosts.UpdateHosts.healthy_seconds", 0.05)
    world.failed = ["chrony.service"]
    code, said = desk("op", "update-hosts", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert "failed: chrony.service" in said
    assert len(world.has) == 1


def test_a_hold_whose_last_day_is_over_is_told_to_hosts_as_such(
    data: Path, desk: Desk, world: Updated, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = "{id: old, package: openssl, reason: breaks, owner: finance, until: 2026-11-01}"
    (data / HOLDS).write_text(f"rows:\n  - {row}\n", encoding="utf-8")
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    desk("op", "update-hosts", NODES[0])
    (hold,) = world.asked[0][1]["holds"]
    assert (hold["package"], hold["over"], hold["until"]) == ("openssl", True, "2026-11-01")


def test_the_command_says_what_each_ring_may_have(desk: Desk) -> None:
    told = json.loads(desk("updates", "--environment", "production", "--json")[1])
    assert [one["ring"] for one in told["rings"]] == ["canary", "early", "sites", "broad", "rest", "islands"]
    assert sum(one["hosts"] for one in told["rings"]) == len(load_fleet("production").hosts)
    assert told["lines"][0]["mbps"] == 6
    assert "ring     islands" in desk("updates")[1]
