"""Who tells whom which ways there are, and how soon the end of one is noticed."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.verify import facts
from province.verify.expectations import Expected

pytestmark = pytest.mark.hosts("edge", "gateway")


@pytest.mark.proves(21, 96)
def test_every_neighbour_of_the_model_is_connected_and_no_other(host: Connection, expected: Expected) -> None:
    """Over every path, so that each can take over."""
    seen = facts.parse_neighbours(host.check_output(facts.NEIGHBOURS))
    assert seen == dict.fromkeys(expected.sessions, "Established")


def test_every_path_is_watched(host: Connection, expected: Expected) -> None:
    """A silent path counts as lost after the time that the slower end declares (RFC 5880, section 6.8)."""
    seen = facts.parse_watches(host.check_output(facts.BFD_SESSIONS))
    assert len(seen) == len(expected.sessions)
    assert {state for state, _ in seen.values()} == {"Up"}
    watches = expected.fleet.province.routing.watches.values()
    assert {seconds for _, seconds in seen.values()} <= {one.echo_ms * one.missed / 1000 for one in watches}


@pytest.mark.proves(10)
def test_a_domain_s_table_knows_its_own_domain_and_the_sites(host: Connection, expected: Expected) -> None:
    """Nothing of one routing domain is ever in the other's table."""
    plan = expected.fleet.province.addressing
    for domain in expected.facts["routing_domains"]:
        answers = host.check_output(f"for n in 4 6; do ip -j -$n route show table {domain['table']}; done")
        found = {route["dst"] for line in answers.splitlines() for route in json.loads(line)} - {"default"}
        own = expected.fleet.province.addressing.bodies[domain["id"]]
        near = (own.ipv4, own.ipv6, plan.sites.ipv4, plan.sites.ipv6)
        assert {one for one in found if not facts.lies_in(one, near)} == set()
        assert {str(own.ipv4), str(own.ipv6)} <= found


@pytest.mark.hosts("gateway")
def test_a_gateway_knows_the_networks_of_all_sites(host: Connection, expected: Expected) -> None:
    """In both protocols: a gateway that lacks one carries nothing there, and only the other one's health hides it."""
    answers = host.check_output(facts.LEARNED_ROUTES)
    known = {route["dst"] for line in answers.splitlines() for route in json.loads(line)}
    assert set(expected.facts["routing_core"]["told"]) - known == set()
