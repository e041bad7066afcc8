"""The hosts carry what the systems ask at peak, with one host lost or one site; rooms let their own system in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from province.fleet.capacity import Verdict, check_capacity, offer, verdicts
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.requests import Ask, Pods, nodes_at, platform_pods, pods_of, together
from province.fleet.site import HostRole, HostSize, SitePurpose
from province.fleet.system import Component
from province.fleet.tier import TierId

from .conftest import Edit
from .test_bad_data import problems

PRIMARY, RECOVERY = "rach-gia", "long-xuyen"
WORKERS_OF_PRIMARY = "worker:        {count: 9, size: {cores: 32, memory_gib: 128}"


def judged(fleet: Fleet, site: str, lost: str) -> Verdict:
    (found,) = [one for one in verdicts(fleet) if (one.site, one.lost) == (site, lost)]
    return found


def with_hosts(fleet: Fleet, site: str, role: HostRole, count: int, size: HostSize) -> Fleet:
    """The same facts, with another number of hosts of a role at a site."""
    group = fleet.sites[site].hosts[role].model_copy(update={"count": count, "size": size})
    changed = fleet.sites[site].model_copy(update={"hosts": {**fleet.sites[site].hosts, role: group}})
    return replace(fleet, sites={**fleet.sites, site: changed})


def with_pods(fleet: Fleet, *, tier: TierId, count: int, memory_mib: int) -> Fleet:
    """The same facts, with one more system that runs at the primary site alone."""
    component = Component(image=None, replicas=count, cpu_millicores=100, memory_mib=memory_mib)
    changes = {"id": "large", "tier": tier, "placement": (SitePurpose.PRIMARY,), "components": {"all": component}}
    return replace(fleet, systems={**fleet.systems, "large": fleet.systems["land"].model_copy(update=changes)})


def test_production_carries_its_systems_whatever_is_lost(fleet: Fleet) -> None:
    found = {(one.site, one.lost): one.fits for one in verdicts(fleet)}
    roles = ("control-plane", "ingress", "worker")
    expected = {(site, f"one {role} host") for site in (PRIMARY, RECOVERY) for role in roles}
    expected |= {(PRIMARY, f"the site {RECOVERY}"), (RECOVERY, f"the site {PRIMARY}")}
    assert found == dict.fromkeys(expected, True)


def unfit(fleet: Fleet) -> list[tuple[str, str]]:
    return [(one.site, one.lost) for one in verdicts(fleet) if not one.fits]


def test_a_host_too_few_is_found_when_that_one_is_lost(fleet: Fleet) -> None:
    size = HostSize(cores=64, memory_gib=160)
    assert unfit(with_hosts(fleet, PRIMARY, HostRole.WORKER, 3, size)) == []
    (finding,) = check_capacity(with_hosts(fleet, PRIMARY, HostRole.WORKER, 2, size))
    assert finding.file == "inventories/fleet/sites/rach-gia.yml"
    assert finding.problem.startswith("with one worker host lost, ")
    assert "pods find no host, first " in finding.problem
    assert "; asked: 146.8 cores, 443 GiB, there: 136.8 cores, 381 GiB" in finding.problem


def test_a_site_too_small_for_the_other_s_tier_b_is_found_when_that_is_lost(fleet: Fleet) -> None:
    assert unfit(with_pods(fleet, tier=TierId.B, count=45, memory_mib=16 * 1024)) == []
    larger = with_pods(fleet, tier=TierId.B, count=46, memory_mib=16 * 1024)
    assert unfit(larger) == [(RECOVERY, f"the site {PRIMARY}")]


def test_what_may_wait_a_day_is_not_carried_to_the_other_site(fleet: Fleet) -> None:
    assert unfit(with_pods(fleet, tier=TierId.C, count=46, memory_mib=16 * 1024)) == []


def test_memory_in_pieces_that_are_too_small_is_no_memory(fleet: Fleet) -> None:
    """No host has 300 GiB, though all of them together have four times as much free."""
    found = judged(with_pods(fleet, tier=TierId.C, count=1, memory_mib=300 * 1024), PRIMARY, "one worker host")
    assert found.asked.memory_mib < found.offered.memory_mib
    assert [(one.system, one.count) for one in found.homeless] == [("large", 1)]


def test_a_host_offers_what_it_does_not_keep_for_itself_and_for_kubernetes(fleet: Fleet) -> None:
    site = fleet.sites[PRIMARY]
    hosts = {host.name: host for host in nodes_at(fleet, site)}
    pods = list(platform_pods(fleet, site))
    worker, ingress = hosts["rach-gia-worker-1"], hosts["rach-gia-ingress-1"]
    assert offer(fleet, site, worker, pods) == Ask(32_000 - 500 - 300, 128 * 1024 - 2048 - 100 - 640)
    # The two entrances stand on these hosts alone.
    assert offer(fleet, site, ingress, pods) == Ask(16_000 - 500 - 300 - 200, 32 * 1024 - 2048 - 100 - 640 - 384)


def test_pods_at_peak_are_those_of_the_model(fleet: Fleet) -> None:
    found = {one.component: one for one in pods_of(fleet, fleet.systems["e-office"])}
    assert found["web"] == Pods("e-office", "web", 10, Ask(1000, 1024))
    assert found["documents"] == Pods("e-office", "documents", 1, Ask(100, 128))
    assert found["db"] == Pods("e-office", "db", 3, Ask(1000, 4096), 50)
    assert found["queue"] == Pods("e-office", "queue", 3, Ask(250, 512))
    assert "files" not in found
    assert together(found.values()) == Ask(10 * 1000 + 100 + 3 * 2250, 10 * 1024 + 128 + 3 * 8704)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "fleet/sites/rach-gia.yml",
            WORKERS_OF_PRIMARY,
            "worker:        {count: 9, size: {cores: 32, memory_gib: 32}",
            "sites/rach-gia.yml\n  hosts: with one control-plane host lost, ",
        ),
        (
            "fleet/sites/rach-gia.yml",
            "disk_tb: 120",
            "disk_tb: 113",
            "sites/rach-gia.yml\n  hosts.storage: with one storage host lost, 227.1 TB are stored in 226 TB;",
        ),
        (
            "fleet/sites/rach-gia.yml",
            WORKERS_OF_PRIMARY,
            "worker:        {count: 9",
            "sites/rach-gia.yml\n  hosts.worker.size: missing; declare `size: {cores: …, memory_gib: …}`",
        ),
    ],
)
def test_only_hosts_that_are_machines_of_their_own_are_asked(
    data: Path, edit: Edit, file: str, old: str, new: str, message: str
) -> None:
    edit(file, old, new)
    assert message in problems(data)
    assert verdicts(load_fleet("lab", root=data)) == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "fleet/systems/trial.yml",
            "quota: {cpu_cores: 4, memory_gib: 16, pods: 20, storage_gib: 200}\n",
            "",
            "systems/trial.yml\n  quota.memory_gib: 12.125 are asked for at peak (is 8); give it a `quota` of its own",
        ),
        (
            "fleet/systems/trial.yml",
            "pods: 20, storage_gib: 200",
            "pods: 20, storage_gib: 149",
            "quota.storage_gib: 150 are asked for at peak (is 149)",
        ),
        (
            "fleet/systems/e-office.yml",
            "cpu_cores: 24, memory_gib: 48, pods: 60",
            "cpu_cores: 16, memory_gib: 48, pods: 19",
            "quota.cpu_cores: 16.85 are asked for at peak (is 16); give it a `quota` of its own, or ask for less",
        ),
        (
            "fleet/systems/e-office.yml",
            "cpu_cores: 24, memory_gib: 48, pods: 60",
            "cpu_cores: 16, memory_gib: 48, pods: 19",
            "quota.pods: 20 are asked for at peak (is 19)",
        ),
        (
            "fleet/systems/meetings.yml",
            "cpu_millicores: 2000, memory_mib: 2048",
            "cpu_millicores: 4001, memory_mib: 2048",
            "components.relay.cpu_millicores: a container of tier B may have 4000 (is 4001)",
        ),
        (
            "fleet/assumptions.yml",
            "  cache: {pods: 2,",
            "  workload: {pods: 2,",
            "assumptions.yml\n  provided.cache: missing; say what one asks of a cluster; ",
        ),
    ],
)
def test_a_room_that_is_too_small_for_its_system_is_found(
    data: Path, edit: Edit, file: str, old: str, new: str, message: str
) -> None:
    edit(file, old, new)
    assert message in problems(data)
