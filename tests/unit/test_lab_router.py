"""The lab's core router: what it is told to learn, to announce and to keep apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import router
from province.lab.spec import RouterSpec
from province.lab.topology import lab_spec


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


@pytest.fixture(scope="module")
def spec(lab: Fleet) -> RouterSpec:
    found = lab_spec(lab).router
    assert found
    return found


def test_it_is_the_neighbour_of_every_gateway(lab: Fleet, spec: RouterSpec) -> None:
    gateways = {host.name: host for host in lab.hosts.values() if host.host_class == "gateway"}
    assert {one.name for one in spec.neighbours} == set(gateways)
    for one in spec.neighbours:
        assert one.address == gateways[one.name].interface("edge").address.plain[0]
        assert one.asn == gateways[one.name].asn != spec.asn


def test_it_announces_whole_sites_so_that_a_gateway_s_own_zones_stay_nearer(lab: Fleet, spec: RouterSpec) -> None:
    zones = {str(one.address.ipv4.network) for host in lab.hosts.values() if host.site for one in host.interfaces}
    assert spec.announces
    assert not zones & set(spec.announces)


@pytest.mark.proves(10)
def test_it_takes_only_nodes_and_lets_no_domain_into_the_other(lab: Fleet, spec: RouterSpec) -> None:
    bodies = lab.province.addressing.bodies.values()
    assert set(spec.accepts) == {str(network) for pair in bodies for network in (pair.ipv4, pair.ipv6)}
    assert {frozenset(pair) for pair in spec.apart} == {
        frozenset(str(pair.ipv4) for pair in bodies),
        frozenset(str(pair.ipv6) for pair in bodies),
    }
    text = router.configuration(spec, Path("/nowhere/bird.log"))
    assert text.count("import where net ~ ACCEPTED") == 2 * len(spec.neighbours)
    assert "define ACCEPTED4 = [ 198.18.0.0/17+, 198.18.128.0/17+ ];" in text
