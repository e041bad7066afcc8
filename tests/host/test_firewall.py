"""The firewall that the kernel has loaded, compared with what the host's capabilities declare."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from testinfra.host import Host as Connection

from province.manifest.prefixes import prefixes
from province.verify import ruleset
from province.verify.expectations import Expected
from province.verify.marks import control
from province.verify.ruleset import Ruleset

OURS = "province"
OTHER_TOOLS = ("ufw", "firewalld", "netfilter-persistent", "iptables")


@control(1)
def test_no_other_firewall_tool_is_active(host: Connection) -> None:
    """Two tools undo each other's rules (TCVN 14423:2026, 5.13.2.2)."""
    states = host.run("systemctl is-active " + " ".join(OTHER_TOOLS)).stdout.split()
    assert states == ["inactive"] * len(OTHER_TOOLS)


@control(2)
def test_nftables_is_there_after_the_next_start(units: dict[str, dict[str, str]]) -> None:
    """Rules that are only loaded now protect only until the power fails (TCVN 14423:2026, 5.13.2.2)."""
    assert units["nftables.service"]["UnitFileState"] == "enabled"
    assert units["nftables.service"]["ActiveState"] == "active"


@control(3)
@pytest.mark.proves(78)
@pytest.mark.parametrize("hook", ["input", "forward"])
def test_what_nobody_declared_is_dropped(firewall: Ruleset, hook: str) -> None:
    """Refuse by default, allow by declaration (TCVN 14423:2026, 5.12.2.4d)."""
    assert "drop" in firewall.policies(hook)


@control(4)
def test_loopback_is_a_device_and_not_an_address(firewall: Ruleset) -> None:
    """Traffic of the host to itself passes by its device; a forged loopback address does not."""
    matches = [one["match"] for one in firewall.first_rule("input", OURS) if "match" in one]
    assert [(one["left"], one["right"]) for one in matches] == [({"meta": {"key": "iif"}}, "lo")]


@control(5)
def test_the_next_start_loads_the_same_rules(firewall: Ruleset, host: Connection) -> None:
    """What is loaded is what the file says, object by object (TCVN 14423:2026, 5.13.2.2)."""
    in_file = Ruleset(host.check_output(ruleset.IN_FILE))
    assert firewall.table(OURS) == in_file.table(OURS)


@control(6)
@pytest.mark.proves(78)
def test_the_host_connects_to_declared_places_only(firewall: Ruleset, expected: Expected) -> None:
    """A program that was smuggled in cannot call home (TCVN 14423:2026, 5.12.2.4d)."""
    assert "drop" in firewall.policies("output")
    assert firewall.openings("output", OURS) == expected.ways_out


@control(7)
@pytest.mark.proves(78)
def test_open_ports_are_the_declared_ones_for_the_declared_peers(firewall: Ruleset, expected: Expected) -> None:
    """Each door has a name in the model and a list of who may come (TCVN 14423:2026, 5.5.2.1c)."""
    assert firewall.openings("input", OURS) == expected.ways_in


@control(18)
def test_ssh_answers_the_management_zones_only(firewall: Ruleset, expected: Expected) -> None:
    """Administration is a zone of its own (TCVN 14423:2026, 5.12.2.5); automation may stand elsewhere (ADR 40)."""
    facts = expected.facts
    zones = (*facts["management_prefixes_ipv4"], *facts["management_prefixes_ipv6"])
    places = prefixes(ip_network(one) for one in (*zones, *facts["automation_prefixes"]))
    assert firewall.openings("input", OURS)["tcp", 22] == {*places.ipv4, *places.ipv6}


@control(19)
def test_who_connects_too_fast_is_dropped(firewall: Ruleset) -> None:
    """One source cannot occupy the host, in either protocol (TCVN 14423:2026, 5.12.2.4e)."""
    assert len(firewall.rate_limits("input", OURS)) == 2


@control(15)
@pytest.mark.hosts("services", "storage", "bastion")
def test_nothing_passes_through_a_host_that_is_no_router(firewall: Ruleset) -> None:
    """A host with many zones must not become a bridge between them."""
    assert firewall.openings("forward", OURS) == {}


@control(3)
@pytest.mark.proves(78)
@pytest.mark.hosts("edge", "gateway")
def test_packets_go_on_between_declared_devices_only(firewall: Ruleset, expected: Expected) -> None:
    """Between zones only to neighbours, between domains and into a bare line never (TCVN 14423:2026, 5.12.2.4d)."""
    wanted = {(way["from"], way["to"]) for way in expected.facts["ways"]}
    assert firewall.elements("ways", OURS) == wanted
    assert firewall.first_rule("forward", OURS)[0]["match"]["op"] == "!="
    assert firewall.first_rule("forward", OURS)[0]["match"]["right"] == "@ways"


@control(3)
@pytest.mark.proves(78, "systems")
@pytest.mark.hosts("edge")
@pytest.mark.parametrize("family", ["4", "6"])
def test_zones_reach_the_systems_that_their_flows_name(firewall: Ruleset, expected: Expected, family: str) -> None:
    """Zone, entrance, protocol, port, and the class of the traffic (TCVN 14423:2026, 5.12.2.4d)."""
    assert firewall.elements(f"passages{family}", OURS) == {
        (one["zone"], one[f"ipv{family}"], one["protocol"], str(one["port"]), f"class_{one['traffic']}")
        for one in expected.facts["passages"]
    }


@control(3)
@pytest.mark.hosts("edge")
def test_zones_reach_their_neighbours_at_the_declared_ports(firewall: Ruleset, expected: Expected) -> None:
    """Computers print; no other zone is open to another one (TCVN 14423:2026, 5.12.2.4d)."""
    assert firewall.elements("neighbours", OURS) == {
        (one["from"], one["to"], str(port)) for one in expected.facts["neighbours"] for port in one["ports"]
    }


@control(10)
@pytest.mark.hosts("edge")
def test_a_zone_sends_under_its_own_addresses_only(firewall: Ruleset, expected: Expected) -> None:
    """A forged source stops at the device where it comes in (TCVN 14423:2026, 5.5.2.1b)."""
    assert firewall.elements("zone_sources4", OURS) == {
        (one["zone"], one["ipv4"]) for one in expected.facts["zone_prefixes"]
    }


@pytest.mark.proves(10, 21)
@pytest.mark.hosts("gateway")
@pytest.mark.parametrize("family", ["4", "6"])
def test_a_domains_devices_carry_its_own_addresses_only(firewall: Ruleset, expected: Expected, family: str) -> None:
    """Government and Party are closed worlds, whatever a route says."""
    assert firewall.elements(f"domains{family}", OURS) == {
        (one["device"], prefix) for one in expected.facts["domain_prefixes"] for prefix in one[f"ipv{family}"]
    }


@control(3)
@pytest.mark.proves(78, "systems")
@pytest.mark.hosts("gateway")
@pytest.mark.parametrize("family", ["4", "6"])
def test_nodes_reach_the_entrances_of_systems(firewall: Ruleset, expected: Expected, family: str) -> None:
    """A second check behind the node's own (TCVN 14423:2026, 5.12.2.4d)."""
    assert firewall.elements(f"systems{family}", OURS) == {
        (one[f"ipv{family}"], one["protocol"], str(one["port"])) for one in expected.facts["passages"]
    }
