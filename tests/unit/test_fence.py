"""A half-alive data centre: out of names, routes and doors at every host that answers; the other one serves on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from province.errors import ExitCode
from province.fleet.exposed import exposed_at
from province.fleet.fence import FENCES, Fence
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.names import known_names
from province.manifest.passages import entrances
from province.manifest.peers import peers_of
from province.manifest.trust import stand_in
from province.ops.actions.remote import Done
from province.rollout.controller import all_runs

from .action_world import Desk, Hosts, desk_at, read_anew
from .conftest import Edit
from .test_revoke import lab

__all__ = ["lab"]
NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
SITE, OTHER = "rach-gia", "long-xuyen"
FENCE, UNFENCE = ("op", "fence-site", SITE), ("op", "unfence-site", SITE)
WHY = ("--reason", "storage answers half", "--ticket", "INC-9", "--go")
BIRD, UNBOUND, NFT = "/etc/bird/bird.conf", "/etc/unbound/unbound.conf", "/etc/nftables.conf"
TOUCHED = {
    "rach-gia-gateway-1", "rach-gia-services-1", "rach-gia-control-plane-1", "long-xuyen-gateway-1",
    "long-xuyen-services-1",
}  # fmt: skip


@dataclass
class Daemons(Hosts):
    """Hosts whose daemons do what their files say."""

    deaf: str = ""
    """The host whose routing daemon does not follow its file."""
    lonely: bool = False
    """No node is connected to any gateway."""

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        if host in self.away:
            raise ConnectionError("No route to host")
        match list(words):
            case ["birdc", "show", "protocols", "all"]:
                return Done(0, self._bird(host), "")
            case ["unbound-control", "list_local_data"]:
                lines = re.findall(r'local-data: "(\S+) 300 IN (A|AAAA) (\S+)"', self.files[host, UNBOUND])
                return Done(0, "\n".join(f"{name}.\t300\tIN\t{kind}\t{address}" for name, kind, address in lines), "")
            case ["nft", "list", "set", *_]:
                return Done(0, self.files[host, NFT].partition("set systems4")[2].partition("    set ")[0], "")
            case ["nft", "list", "chain", *_]:
                return Done(0 if "chain fenced" in self.files[host, NFT] else 1, "", "")
            case _:
                return super().run(host, words, seconds)

    def _bird(self, host: str) -> str:
        shut = "export none" in self.files[host, BIRD] and host != self.deaf
        state = "start  08:00:00.000  Active" if self.lonely else "up     08:00:00.000  Established"
        routes = f"    Routes:         1 imported, {0 if shut else 3} exported, 1 preferred"
        names = ("core", "phu-quoc-party.tslcd")
        return "\n".join(f"{name:<10} BGP        ---        {state}\n  Channel ipv4\n{routes}" for name in names)


@pytest.fixture
def desk(lab: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Hosts that are as the model says, and a model that is read anew by every command."""
    made = desk_at(tmp_path / "desk", monkeypatch)
    hosts = made.remote = Daemons()
    builder = Builder(lab, stand_in(lab))
    for host in lab.hosts.values():
        if host.site:
            hosts.files |= {(host.name, path): one.content for path, one in builder.build(host).files.items()}
    monkeypatch.setattr("province.ops.actions.fence_site.load_trust", stand_in)
    monkeypatch.setattr("province.cli.operation.ready", read_anew)
    return made


def fences_of(lab: Fleet) -> Path:
    return lab.root / "lab" / FENCES


def test_it_is_first_only_said_by_what_each_host_does(desk: Desk, lab: Fleet) -> None:
    code, said = desk(*FENCE)
    assert code == 0
    assert "announce nothing of rach-gia any more, let no user through to rach-gia any more" in said
    assert "would name no entrance of rach-gia any more" in said
    assert not fences_of(lab).exists()
    groups = json.loads(desk(*FENCE, "--json")[1])["would"]
    assert {host for one in groups for host in one["hosts"]} == TOUCHED


def test_the_site_is_out_everywhere_the_other_serves_and_it_comes_back(desk: Desk, lab: Fleet) -> None:
    before = dict(desk.hosts.files)
    code, said = desk(*FENCE, *WHY, "--yes-hosts", "5")
    assert (code, "5 done and healthy" in said) == (0, True)
    changed = {(host, path) for (host, path), text in desk.hosts.files.items() if text != before[host, path]}
    assert {host for host, _ in changed} == TOUCHED
    assert {path for _, path in changed} == {BIRD, UNBOUND, NFT}
    assert ("long-xuyen-gateway-1", BIRD) not in changed
    (run,) = all_runs(desk.runs)
    assert (run.begun.verb, run.begun.urgent, len(run.batches)) == ("fence-site", True, 1)
    assert "storage answers half" in fences_of(lab).read_text(encoding="utf-8")
    assert "nothing to do on 5 hosts" in desk(*FENCE)[1]
    code, said = desk(*UNFENCE, *WHY, "--yes-hosts", "5")
    assert (code, "5 done and healthy" in said) == (0, True)
    assert desk.hosts.files == before
    assert not fences_of(lab).exists()


def test_hosts_out_of_reach_are_told_of_and_the_others_follow(desk: Desk, lab: Fleet) -> None:
    desk.hosts.away = {"rach-gia-control-plane-1"}
    code, said = desk(*FENCE, *WHY, "--yes-hosts", "4")
    assert code == ExitCode.UNREACHABLE
    assert "unreachable  rach-gia-control-plane-1" in said
    assert fences_of(lab).exists()
    assert "export none" in desk.hosts.files["rach-gia-gateway-1", BIRD]


def test_a_daemon_that_does_not_follow_its_file_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("province.ops.actions.fence_site.OfFence.healthy_seconds", 0.05)
    assert isinstance(desk.remote, Daemons)
    desk.remote.deaf = "rach-gia-gateway-1"
    code, said = desk(*FENCE, *WHY, "--yes-hosts", "5")
    assert code == ExitCode.FAILED
    assert "it still announces routes to core phu-quoc-party.tslcd" in said


def test_nobody_is_left_without_a_site(desk: Desk, lab: Fleet) -> None:
    assert isinstance(desk.remote, Daemons)
    desk.remote.lonely = True
    code, said = desk(*FENCE)
    assert (code, "no gateway of another site carries a node" in said) == (ExitCode.FAILED, True)
    desk.remote.lonely = False
    assert desk("op", "fence-site", OTHER, *WHY, "--yes-hosts", "5")[0] == 0
    assert "every other data centre is fenced" in desk(*FENCE)[1]
    assert "is no data centre" in desk("op", "fence-site", "edge")[1]


def test_names_lead_to_the_other_site_and_what_is_not_there_is_not_found(lab: Fleet) -> None:
    shut = fenced(lab, SITE)
    here, there = (lab.sites[one] for one in (SITE, OTHER))
    both = {one.host for one in exposed_at(lab, here)} & {one.host for one in exposed_at(lab, there)}
    alone = {one.host for one in exposed_at(lab, here)} - both
    assert both
    assert alone
    records = {one["name"]: one["addresses"] for one in known_names(shut, peers_of(shut))}
    doors = [str(one) for pair in entrances(lab, there) for one in pair.plain]
    assert {name: records[name] for name in both} == dict.fromkeys(both, doors)
    assert not alone & set(records)
    assert f"time.{SITE}.{lab.province.domain}" in records


def test_nodes_need_no_change(fleet: Fleet) -> None:
    shut = fenced(fleet, SITE)
    whole, other = Builder(fleet, stand_in(fleet)), Builder(shut, stand_in(shut))
    for node in (fleet.nodes[0], fleet.nodes[-1]):
        assert whole.build(node).digest == other.build(node).digest


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("- {id: edge, since: 2026-11-27T08:00:00Z, who: lan, reason: a}\n", "edge.id: is no data centre"),
        (
            "".join(f"- {{id: {one}, since: 2026-11-27T08:00:00Z, who: lan, reason: a}}\n" for one in (SITE, OTHER)),
            "every data centre is fenced",
        ),
        ("- {id: rach-gia, since: soon, who: lan, reason: a}\n", "rach-gia.since"),
    ],
)
def test_a_register_that_cannot_hold_is_named(data: Path, edit: Edit, rows: str, said: str) -> None:
    (data / "lab" / FENCES).write_text(rows, encoding="utf-8")
    with pytest.raises(BadData) as error:
        load_fleet("lab", data)
    assert said.split(": ", maxsplit=1)[0] in str(error.value)
    assert FENCES in str(error.value)


def fenced(fleet: Fleet, site: str) -> Fleet:
    return replace(fleet, fences=MappingProxyType({site: Fence(id=site, since=NOW, who="lan", reason="a test")}))
