"""Hosts boot anew in their window, one of a pair at a time, over hosts that are made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.updates import may_reboot
from province.ops.actions import reboot_hosts
from province.ops.actions.reboot_hosts import partners
from province.ops.actions.remote import Done

from .action_world import Desk, desk_at

NODES, GATEWAY = ("phu-quoc-party", "phu-quoc-people"), "rach-gia-gateway-1"
WHY = ("--reason", "November", "--ticket", "OPS-114", "--go")


@dataclass
class Boots:
    """Hosts that boot anew, and are away for so many questions afterwards; `lost` ones never answer."""

    waits: set[str]
    lost: set[str] = field(default_factory=set)
    stay_away: set[str] = field(default_factory=set)
    boots: dict[str, int] = field(default_factory=dict)
    away: dict[str, int] = field(default_factory=dict)

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        assert seconds > 0
        if host in self.lost or self.away.get(host, 0) > 0:
            self.away[host] = self.away.get(host, 0) - (host not in self.stay_away)
            raise ConnectionError("No route to host")
        match list(words):
            case ["cat", reboot_hosts.MARK]:
                there = host in self.waits
                return Done(0 if there else 1, "linux-image-amd64\n" if there else "", "" if there else "No such file")
            case ["cat", reboot_hosts.BOOT]:
                return Done(0, f"boot {self.boots.get(host, 0)}\n", "")
            case ["systemctl", "--no-block", "reboot"]:
                self.boots[host] = self.boots.get(host, 0) + 1
                self.away[host] = 2
                self.waits.discard(host)
                raise ConnectionError("Connection closed by remote host")
            case ["true"]:
                return Done(0, "", "")
            case ["systemctl", "is-system-running"]:
                return Done(0, "running\n", "")
            case other:
                raise AssertionError(f"{other} is not made up")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return desk_at(tmp_path, monkeypatch)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for hosts that are made up."""
    monkeypatch.setattr(reboot_hosts, "PAUSE", 0.001)
    monkeypatch.setattr(reboot_hosts, "PATIENCE", 0.1)


@pytest.mark.usefixtures("quick")
def test_hosts_that_have_to_boot_anew_and_come_back(desk: Desk) -> None:
    world = Boots(waits={NODES[0]})
    desk.remote = world
    code, said = desk("op", "reboot-hosts", *NODES, *WHY, "--yes-hosts", "1")
    assert code == 0, said
    assert "would boot anew for linux-image-amd64\n  1 hosts: phu-quoc-party" in said
    assert world.boots == {NODES[0]: 1}


@pytest.mark.usefixtures("quick")
def test_no_host_boots_while_its_partner_does_not_answer(desk: Desk) -> None:
    desk.remote = Boots(waits={NODES[0]}, lost={NODES[1]})
    code, said = desk("op", "reboot-hosts", NODES[0], *WHY, "--yes-hosts", "1")
    assert code == ExitCode.FAILED
    assert f"its partner {NODES[1]} does not answer" in said


@pytest.mark.usefixtures("quick")
def test_a_host_that_does_not_come_back_stops_the_run(desk: Desk) -> None:
    world = Boots(waits={*NODES}, stay_away={*NODES})
    desk.remote = world
    code, said = desk("op", "reboot-hosts", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert "somebody has to look at the machine" in said
    assert len(world.boots) == 1


def test_the_partner_of_a_host_does_its_work(fleet: Fleet) -> None:
    found = {name: [one.name for one in partners(fleet, fleet.hosts[name])] for name in (NODES[0], GATEWAY)}
    assert found == {NODES[0]: [NODES[1]], GATEWAY: ["rach-gia-gateway-2"]}


def test_hosts_boot_anew_in_the_window_of_their_class(fleet: Fleet) -> None:
    node, gateway = fleet.hosts[NODES[0]], fleet.hosts[GATEWAY]
    tuesday = [datetime(2026, 11, 24, hour, tzinfo=LOCAL) for hour in (18, 20, 22)]
    assert [may_reboot(fleet, node, one) for one in tuesday] == [False, True, False]
    assert [may_reboot(fleet, gateway, one) for one in tuesday] == [False, False, True]
