"""`province op rotate-tunnel-keys`: refused before anything is closed, done once for all, and proven by the hosts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.ops import hosts as playbooks
from province.ops.step import Step
from province.ops.workplace import Workplace

from .action_world import Desk, desk_at
from .conftest import Edit

ROTATE = ("op", "rotate-tunnel-keys", "--path")
WHY = ("--reason", "yearly", "--ticket", "OPS-9", "--go")


@pytest.fixture
def lab() -> Fleet:
    return load_fleet("lab")


@pytest.fixture
def desk(lab: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Hosts whose keys are old, and a playbook that makes new ones."""
    made = desk_at(tmp_path, monkeypatch)
    keep(made, lab, 0)
    return made


def keep(desk: Desk, fleet: Fleet, moment: float, path: str = "") -> None:
    """Every key of a path was made at a moment, and its tunnel spoke then."""
    for one in fleet.tunnels:
        for host, device in ((one.node, one.node_device), (one.gateway, one.gateway_device)):
            if path in ("", one.path.id):
                desk.hosts.files[host, f"/etc/wireguard/{device}.key"] = str(int(moment))
                desk.hosts.files[host, device] = str(int(moment))


def test_one_run_of_the_playbook_is_for_all_hosts(desk: Desk, lab: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, Sequence[str]]] = []

    def configure(_: Workplace, *, playbook: str, variables: Sequence[str]) -> Step:
        ran.append((playbook, variables))
        keep(desk, lab, time.time() + 1, "tslcd")
        return Step(playbook, "10 hosts", True, 1.0)

    monkeypatch.setattr(playbooks, "configure", configure)
    ends = {end for one in lab.tunnels for end in (one.node, one.gateway)}
    code, said = desk(*ROTATE, "tslcd", "--reason", "yearly")
    assert (code, ran, f"{len(ends)} hosts: " in said) == (0, [], True)
    code, said = desk(*ROTATE, "tslcd", *WHY, "--yes-hosts", str(len(ends)))
    assert (code, f"{len(ends)} done and healthy" in said) == (0, True)
    assert ran == [("rotate_tunnel_keys", ("path=tslcd",))]


def test_a_playbook_that_fails_is_told_of(desk: Desk, lab: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(*_: object, **__: object) -> Step:
        raise ProvinceError("the path did not close")

    monkeypatch.setattr(playbooks, "configure", configure)
    ends = {end for one in lab.tunnels for end in (one.node, one.gateway)}
    code, said = desk(*ROTATE, "tslcd", *WHY, "--yes-hosts", str(len(ends)))
    assert (code, "the path did not close" in said) == (ExitCode.FAILED, True)


def test_what_is_refused(desk: Desk) -> None:
    desk.hosts.away = {"phu-quoc-people"}
    code, said = desk(*ROTATE, "internet", *WHY)
    assert code != 0
    assert "phu-quoc-people: is out of reach, and both ends need new keys together" in said
    code, said = desk(*ROTATE, "no-path", *WHY)
    assert (code, "no tunnel runs over 'no-path'" in said) == (ExitCode.USAGE, True)


def test_the_only_path_of_a_host_is_never_closed(
    desk: Desk, data: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit("lab/environment.yml", "edge_paths: [tslcd, internet]", "edge_paths: [tslcd]")
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    code, said = desk(*ROTATE, "tslcd", *WHY)
    assert (code, "no path beside tslcd" in said) == (ExitCode.FAILED, True)
    assert desk.hosts.asked == []
