"""A cluster's place in the address plan: shared addresses, ranges of pods, and what may not be declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.cluster_plan import api_addresses, node_pods
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet

from .conftest import Edit
from .test_bad_data import problems


def test_the_shared_addresses_lie_in_the_zones_of_the_control_planes_and_are_nobody_s_own(fleet: Fleet) -> None:
    own = {address for host in fleet.hosts.values() for one in host.interfaces for address in one.address.plain}
    for site in fleet.data_centres:
        plane = next(host for host in fleet.hosts_of(site.id) if host.host_class == "control-plane")
        shared = api_addresses(fleet, site)
        assert {zone: pair.ipv4.network for zone, pair in shared.items()} == {
            one.device: one.address.ipv4.network for one in plane.interfaces
        }
        assert not own & {address for pair in shared.values() for address in pair.plain}


def test_every_node_has_a_range_of_pods_of_its_own(fleet: Fleet) -> None:
    for site in fleet.data_centres:
        assert site.cluster
        nodes = [one for one in fleet.hosts_of(site.id) if one.host_class in {"control-plane", "worker", "ingress"}]
        ranges = [node_pods(site.cluster, host) for host in nodes]
        assert len({one.ipv4 for one in ranges}) == len({one.ipv6 for one in ranges}) == len(nodes)
        assert all(one.ipv4.subnet_of(site.cluster.pods) for one in ranges)
        assert all(one.ipv6.subnet_of(site.cluster.pods_v6) for one in ranges)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("number: 2", "number: 16", "is a host's place"),
        ("control-plane: {count: 3", "control-plane: {count: 2", "etcd needs an odd number"),
        ("services: 10.65.0.0/16", "services: 10.64.128.0/17", "overlaps pods"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(data: Path, edit: Edit, old: str, new: str, problem: str) -> None:
    edit("fleet/sites/rach-gia.yml", old, new)
    assert problem in problems(data)


def test_whether_spare_hosts_are_there_is_a_yes_or_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_SPARE", "three")
    with pytest.raises(ProvinceError, match="neither yes nor no"):
        load_fleet("lab")
