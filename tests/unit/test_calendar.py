"""Windows and freezes: when hosts may be changed, who says so, and what an emergency leaves behind."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL, FreezeKind, held
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.rollout.controller import Intent, all_runs
from province.rollout.leave import with_leave

from .action_world import Desk, desk_at
from .conftest import Edit

TUESDAY = datetime(2026, 12, 1, 20, 30, tzinfo=LOCAL)
NODE, GATEWAY = "phu-quoc-party", "rach-gia-gateway-1"
FOREVER = """rows:
  - id: for-ever
    name: {vi: Mãi mãi, en: For ever}
    kinds: [change]
    since: 2020-01-01
    until: 2099-12-31
    reason: a test
    owner: finance
    source: A
"""
CHRONY = ("op", "restart-service", NODE, "--service", "chrony", "--reason", "it hangs", "--go", "--yes-hosts", "1")


@pytest.fixture
def frozen(data: Path, edit: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A lab that keeps a calendar on which every day is frozen."""
    edit("lab/environment.yml", "keeps_calendar: false", "keeps_calendar: true")
    (data / "fleet/registers/freezes.yml").write_text(FOREVER, encoding="utf-8")
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    return desk_at(tmp_path / "desk", monkeypatch)


@pytest.mark.parametrize(
    ("when", "node", "gateway"),
    [
        (TUESDAY, True, True),
        (TUESDAY.replace(hour=18, minute=0), True, False),
        (TUESDAY.replace(hour=22, minute=0), False, True),
        (TUESDAY.replace(day=3), True, False),
        (TUESDAY.replace(day=4), False, False),
    ],
)
def test_nodes_and_data_centres_have_windows_of_their_own(
    fleet: Fleet, when: datetime, node: bool, gateway: bool
) -> None:
    assert (not held(fleet, [fleet.hosts[NODE]], when)) is node
    assert (not held(fleet, [fleet.hosts[GATEWAY]], when)) is gateway


def test_a_freeze_holds_on_both_of_its_days_in_the_province_s_own_time(fleet: Fleet) -> None:
    (freeze,) = [row for row in fleet.registers.freezes.rows if row.id == "tet-2027"]
    ends = datetime(2027, 2, 14, 23, 59, tzinfo=LOCAL)
    assert freeze.holds(FreezeKind.CHANGE, ends)
    assert not freeze.holds(FreezeKind.CHANGE, ends.replace(day=15, hour=0))
    assert "assumed dates" in held(fleet, [], ends)[0]


def test_what_only_stops_cut_overs_stops_no_change(fleet: Fleet) -> None:
    when = datetime(2026, 12, 15, 20, 30, tzinfo=LOCAL)
    assert held(fleet, [fleet.hosts[NODE]], when) == []
    assert "project06-review-2026" in held(fleet, [], when, FreezeKind.CUT_OVER)[0]


def test_the_lab_keeps_no_calendar() -> None:
    lab = load_fleet("lab")
    assert held(lab, lab.hosts.values(), datetime(2027, 2, 6, 3, tzinfo=LOCAL)) == []


def test_an_emergency_needs_a_ticket_and_is_written_down(fleet: Fleet) -> None:
    hosts = [fleet.hosts[NODE]]
    friday = TUESDAY.replace(day=4)
    with pytest.raises(ProvinceError, match="not now: window tue wed thu 18:00-22:00 of phu-quoc-party"):
        with_leave(fleet, hosts, friday, Intent("it hangs", "OPS-1"), emergency=False)
    with pytest.raises(ProvinceError, match="needs a --ticket"):
        with_leave(fleet, hosts, friday, Intent("it hangs"), emergency=True)
    assert len(with_leave(fleet, hosts, friday, Intent("it hangs", "OPS-1"), emergency=True).against) == 1
    assert with_leave(fleet, hosts, TUESDAY, Intent("it hangs"), emergency=False).against == ()


def test_a_freeze_holds_an_action_and_an_emergency_stands_in_its_journal(frozen: Desk) -> None:
    code, said = frozen(*CHRONY)
    assert (code, frozen.hosts.restarts) == (ExitCode.FAILED, {})
    assert "not now: freeze for-ever (Mãi mãi" in said
    code, said = frozen(*CHRONY, "--emergency", "--ticket", "OPS-1")
    assert (code, frozen.hosts.restarts) == (0, {NODE: 1})
    assert "in spite of freeze for-ever" in said
    assert all_runs(frozen.runs)[0].begun.against[0].startswith("freeze for-ever")


def test_what_is_urgent_is_not_held(frozen: Desk) -> None:
    frozen.hosts.away = {NODE}
    code, said = frozen("op", "collect-evidence", NODE, "--reason", "odd logins", "--go")
    assert (code, "not now" in said) == (ExitCode.UNREACHABLE, False)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("fleet/registers/freezes.yml", "until: 2027-02-14", "until: 2027-01-14", "`until` is before `since`"),
        ("fleet/registers/freezes.yml", "owner: finance", "owner: finanze", 'did you mean "finance"?'),
        ("fleet/province.yml", '"18:00", ends: "22:00"', '"18:00", ends: "18:00"', "`ends` is `begins`"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_named(
    data: Path, edit: Edit, file: str, old: str, new: str, said: str
) -> None:
    edit(file, old, new)
    with pytest.raises(BadData) as refused:
        load_fleet("production", data)
    assert said in str(refused.value)
    assert file.rpartition("/")[2] in str(refused.value)
