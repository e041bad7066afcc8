"""Sensors as hosts see them: the broker of a commune, its devices and its bridges, and the hubs that nodes write to."""

from __future__ import annotations

from math import ceil

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.sensors import BESIDE, Sensors, devices_at_most
from province.fleet.site import Duty
from province.manifest.peers import Peers

Values = dict[str, object]
RECONNECTING = 2
"""Connections for every device: one that lost its way comes again before the old connection is given up."""


def sensors_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's part: one broker at a node of the domain that has sensors, one hub at each site, else nothing.

    Of several hosts of a site with the duty the first one is the hub: brokers share no store, and the other site has
    everything as well.
    """
    rules = fleet.province.sensors
    first: dict[str, Host] = {}
    for one in peers.site_hosts:
        if Duty.SENSORS in one.duties and one.site:
            first.setdefault(one.site, one)
    hubs = [first[site] for site in sorted(first)]
    return {
        "sensors_topic": rules.topic,
        "sensors_port": rules.port,
        "sensors_local_port": rules.local_port,
        "sensors_message_bytes": rules.message_bytes,
        "sensors_alarm_bytes": rules.alarm_bytes(_room(fleet)),
        "sensors_nodes": [_broker(fleet, host, hubs)] if _has_sensors(rules, host) else [],
        "sensors_hubs": [_hub(fleet)] if host in hubs else [],
    }


def _has_sensors(rules: Sensors, host: Host) -> bool:
    """Whether a host is a node of the domain that has sensors, connected to their zone."""
    return (
        host.commune is not None
        and host.routing_domain == rules.domain
        and rules.zone in {one.zone for one in host.interfaces}
    )


def _room(fleet: Fleet) -> int:
    """How many devices a zone of sensors has addresses for."""
    rules = fleet.province.sensors
    return devices_at_most(next(one.ipv4_prefix for one in fleet.province.commune_zones if one.id == rules.zone))


def _limits(rules: Sensors, messages: int, connections: int) -> Values:
    memory_mib = rules.memory_mib(messages)
    return {
        "connections": connections,
        "queue_messages": messages,
        "queue_bytes": messages * rules.message_bytes,
        "memory_bytes": memory_mib * 2**20,
        "memory_max_mib": ceil(memory_mib * BESIDE),
    }


def _broker(fleet: Fleet, host: Host, hubs: list[Host]) -> Values:
    rules = fleet.province.sensors
    room = _room(fleet)
    ipv4, ipv6 = next(one.address.plain for one in host.interfaces if one.zone == rules.zone)
    return {
        "zone": rules.zone,
        "addresses": [str(ipv4), str(ipv6)],
        "commune": host.commune or "",
        "devices": sorted(one.id for one in fleet.registers.devices.rows if one.commune == host.commune),
        "hubs": [{"name": one.name, "fqdn": one.fqdn} for one in hubs],
        **_limits(rules, rules.queue_messages(room), room * RECONNECTING),
    }


def _hub(fleet: Fleet) -> Values:
    rules = fleet.province.sensors
    nodes = [one for one in fleet.hosts.values() if _has_sensors(rules, one)]
    senders = [{"fqdn": one.fqdn, "commune": one.commune or ""} for one in nodes]
    return {
        "domain": str(rules.domain),
        "senders": senders,
        **_limits(rules, rules.reader_messages, max(len(nodes), 1) * RECONNECTING),
    }
