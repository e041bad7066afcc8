"""Addresses, routes and listening sockets, compared with the model."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.expectations import Expected
from province.verify.facts import Route, Socket
from province.verify.marks import control

Addresses = dict[str, frozenset[IPv4Interface | IPv6Interface]]


@pytest.mark.proves("communes", "sites", 22)
def test_every_device_has_its_addresses_and_no_other(addresses: Addresses, expected: Expected) -> None:
    """Both protocols, from the address plan; a shared address is here or at another control plane of the site."""
    own = {name: found - expected.shared_addresses.get(name, frozenset()) for name, found in addresses.items()}
    assert {name: own.get(name) for name in expected.addresses} == expected.addresses


@pytest.mark.proves(21, 96)
def test_routes_are_the_declared_ones(routes: frozenset[Route], expected: Expected) -> None:
    """What goes over the specialised network, and what does not, is decided in the model."""
    assert {route for route in routes if route.via} == expected.routes


@pytest.mark.proves(21)
@pytest.mark.hosts("edge")
def test_the_other_routing_domain_is_out_of_reach(routes: frozenset[Route], expected: Expected) -> None:
    """Party and government addresses never leak into each other's routes."""
    assert {route.destination for route in routes} & expected.foreign_domains == set()


@control(24)
@pytest.mark.hosts("gateway", "services", "control-plane", "worker", "storage", "ingress")
def test_management_has_a_device_of_its_own(addresses: Addresses, node: Host, expected: Expected) -> None:
    """Administration does not share a device with the service (TCVN 14423:2026, 5.13.2.3b)."""
    own = frozenset({node.management.ipv4, node.management.ipv6})
    assert [name for name, found in addresses.items() if found & own] == ["management"]
    assert addresses["management"] - expected.shared_addresses.get("management", frozenset()) == own


@control(7)
@pytest.mark.proves(78)
def test_nothing_listens_that_is_not_declared(sockets: frozenset[Socket], expected: Expected) -> None:
    """Port, protocol and program of every socket that others can reach (TCVN 14423:2026, 5.5.2.1c)."""
    seen = {(one.protocol, one.port, one.process) for one in sockets if not (one.loopback or one.only_sends)}
    assert seen == expected.listening


@control(16)
def test_no_wireless_device(host: Connection) -> None:
    """A radio is a way in that no firewall sees (TCVN 14423:2026, 5.12.2.2a)."""
    seen = host.check_output("ls -d /sys/class/net/*/wireless /sys/class/bluetooth/* 2>/dev/null || true")
    assert seen == ""


def test_the_host_knows_its_name(host: Connection, node: Host) -> None:
    """Logs and certificates are filed under it."""
    assert host.check_output("hostname").split(".")[0] == node.name


def test_names_of_the_sites_hosts_resolve_to_the_model_s_addresses(host: Connection, expected: Expected) -> None:
    """Without asking anybody: a host finds its services when the network is half down."""
    seen = host.check_output("getent ahostsv4 %s", expected.log_hosts[-1]).split()[0]
    assert seen == expected.facts["log_servers"][-1]["ipv4"]
