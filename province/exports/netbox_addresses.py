"""NetBox's address tables: routing domains as VRFs, zones as roles, the address plan, every interface and address."""

from __future__ import annotations

from collections.abc import Iterator

from province.exports.netbox_table import Table
from province.exports.sources import Row
from province.fleet.addressing import Subnet
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host, Interface
from province.fleet.province import NetworkPair

CONTAINER = "container"
ACTIVE = "active"
UNDERLAY = "underlay"
"""Role of the networks that carry tunnels; zones are roles under their own ids."""


def _vrfs(fleet: Fleet) -> Iterator[Row]:
    for domain, facts in fleet.province.domains.items():
        yield {"name": domain.value, "enforce_unique": True, "description": facts.name.vi}


def _roles(fleet: Fleet) -> Iterator[Row]:
    at_sites = {zone.id: zone.name.vi for zone in fleet.province.site_zones}
    in_communes = {zone.id: zone.name.vi for zone in fleet.province.commune_zones}
    for weight, (name, description) in enumerate({UNDERLAY: "", **at_sites, **in_communes}.items(), start=1):
        yield {"name": name, "slug": name, "weight": weight, "description": description}


def _prefixes(fleet: Fleet) -> Iterator[Row]:
    """The ranges of the plan, then the networks of hosts inside them, each once."""
    plan = fleet.province.addressing
    for domain, pair in plan.bodies.items():
        yield from _pair(pair, CONTAINER, vrf=domain.value, description="communes")
    for name, pair in plan.underlays.items():
        yield from _pair(pair, ACTIVE, role=UNDERLAY, description=name)
    yield from _pair(plan.sites, CONTAINER, description="sites")
    yield from _pair(plan.tunnels, CONTAINER, description="tunnels")
    seen: set[str] = set()
    for host in fleet.hosts.values():
        if host.prefix:
            yield from _pair(host.prefix, CONTAINER, vrf=_vrf(host), description=host.name)
        for interface in host.interfaces:
            if interface.zone and interface.network not in seen:
                seen.add(interface.network)
                network = Subnet(interface.address.ipv4.network, interface.address.ipv6.network)
                yield from _pair(network, ACTIVE, vrf=_vrf(host), role=interface.zone, description=interface.network)


def _interfaces(fleet: Fleet) -> Iterator[Row]:
    tagged = fleet.environment.platform.zone_devices == "vlan"
    for host in fleet.hosts.values():
        for interface in host.interfaces:
            virtual = tagged and host.commune is not None and interface.zone is not None
            yield {
                "device": host.name,
                "name": interface.device,
                "type": "virtual" if virtual else "other",
                "enabled": True,
                "mgmt_only": interface.zone == fleet.province.management_zone,
                "description": interface.network,
            }


def _other_addresses(fleet: Fleet) -> Iterator[Row]:
    for host in fleet.hosts.values():
        for interface in host.interfaces:
            if interface.address != host.management:
                yield from _addresses(host, interface)


def _primary_addresses(fleet: Fleet) -> Iterator[Row]:
    for host in fleet.hosts.values():
        for interface in host.interfaces:
            if interface.address == host.management:
                yield from ({**row, "is_primary": True} for row in _addresses(host, interface))


def _addresses(host: Host, interface: Interface) -> Iterator[Row]:
    for address in (interface.address.ipv4, interface.address.ipv6):
        yield {
            "address": address,
            "vrf": _vrf(host) if interface.zone else None,
            "status": ACTIVE,
            "device": host.name,
            "interface": interface.device,
            "dns_name": host.fqdn if interface is host.interfaces[0] else None,
        }


def _pair(pair: NetworkPair | Subnet, status: str, **columns: str | None) -> Iterator[Row]:
    for network in (pair.ipv4, pair.ipv6):
        yield {"prefix": network, "status": status, **columns}


def _vrf(host: Host) -> str | None:
    """A node's zones lie in its routing domain; hosts at sites stand outside of both."""
    return host.routing_domain.value if host.routing_domain else None


ADDRESS_COLUMNS = ("address", "vrf", "status", "device", "interface", "dns_name")

ADDRESS_TABLES = (
    Table("vrfs", ("name", "enforce_unique", "description"), _vrfs),
    Table("roles", ("name", "slug", "weight", "description"), _roles),
    Table("prefixes", ("prefix", "vrf", "status", "role", "description"), _prefixes),
    Table("interfaces", ("device", "name", "type", "enabled", "mgmt_only", "description"), _interfaces),
    Table("ip-addresses", ADDRESS_COLUMNS, _other_addresses),
    # A file of their own: the form takes `is_primary: false` for "this device has no primary address".
    Table("primary-ip-addresses", (*ADDRESS_COLUMNS, "is_primary"), _primary_addresses),
)
