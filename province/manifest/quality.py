"""How a line is shared out when it is full: the classes' rates and queues, computed from the line's capacity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.province import Province
from province.fleet.traffic import Traffic, TrafficClass, dscp_number

Values = dict[str, object]

REAL_TIME = frozenset({"cs6", "ef"})
"""Marks of classes whose packets are worth nothing when they come late: a short plain queue, never a fair one."""

OUTER = 8
"""From a class's number to that of the queue that takes packets apart, around the fair one; a line has 16 numbers."""

LEAST_QUEUE_BYTES = 15_000
"""Ten full packets: a shorter queue drops bursts that a line carries without effort."""

LEAST_BURST_BYTES = 3_000
BURST_SECONDS = 0.001
"""What a class may send at once: the time between two ticks of a slow kernel timer, at least two full packets."""


@dataclass(frozen=True)
class ClassShape:
    """A class on one line: what it has for itself, how much may wait; rates in kilobit per second, both layers in."""

    traffic: TrafficClass
    number: int
    rate_kbit: int
    queue_bytes: int


@dataclass(frozen=True)
class LineShape:
    """A line as its sender may use it; `rate_kbit` includes what the tunnel puts around each packet."""

    rate_kbit: int
    thin: bool
    burst_bytes: int
    classes: tuple[ClassShape, ...]


def shape_line(province: Province, mbps: int, *, arriving: bool = False) -> LineShape:
    """The shape of a line of so many megabit per second: its classes share what the network's operator allows.

    What is `arriving` is held to a little less.
    """
    traffic = province.traffic
    thin = mbps <= traffic.thin_mbps
    part = traffic.arrival / 100 if arriving else 1
    rate = round(mbps * 1000 * province.utilisation_limit / 100 * part)
    return LineShape(
        rate_kbit=rate,
        thin=thin,
        burst_bytes=max(LEAST_BURST_BYTES, round(rate * 1000 / 8 * BURST_SECONDS)),
        classes=tuple(
            ClassShape(
                traffic=one,
                number=number,
                rate_kbit=max(1, round(rate * (one.thin_share if thin else one.share) / 100)),
                queue_bytes=max(LEAST_QUEUE_BYTES, rate * one.queue_ms // 8),
            )
            for number, one in enumerate(traffic.classes, start=1)
        ),
    )


def class_number(traffic: Traffic, wanted: TrafficClass) -> int:
    """The number of a class, from 1: its mark on connections, and the last digit of its queues' names."""
    return traffic.classes.index(wanted) + 1


def queue_name(line: int, number: int = 0) -> str:
    """The kernel's name of a class's queue on a line, or of the line itself: `1:1f3` (major and minor, hexadecimal).

    Lines count from 1; a device has room for 4,095 of them.
    """
    return f"1:{line * 16 + number:x}"


def quality_view(fleet: Fleet, host: Host) -> Values:
    """The classes, and the host's queues: a node shapes what it sends, a gateway what it sends to each node."""
    traffic = fleet.province.traffic
    return {
        "traffic_classes": [
            {
                "id": one.id,
                "dscp": one.dscp,
                "mark": class_number(traffic, one),
                "queue": queue_name(1, class_number(traffic, one)),
            }
            for one in traffic.classes
        ],
        "traffic_marks": {
            capability: class_number(traffic, one)
            for one in (traffic.classes if host.host_class == "edge" else ())
            for capability in one.capabilities
        },
        "ordinary_class": traffic.ordinary.id,
        "queues": _at_node(fleet, host) if host.host_class == "edge" else _at_gateway(fleet, host),
        "queued_nodes": [_queued_node(fleet, node) for node in _behind(fleet, host)],
    }


def _at_node(fleet: Fleet, node: Host) -> list[Values]:
    """Two queues for each path of known capacity, one for each direction; all tunnels of the path share them."""
    feeders: dict[str, list[str]] = {}
    capacity: dict[str, int] = {}
    for tunnel in fleet.tunnels_of(node.name):
        if tunnel.mbps:
            feeders.setdefault(tunnel.path.id, []).append(tunnel.node_device)
            capacity[tunnel.path.id] = tunnel.mbps
    ordinary = class_number(fleet.province.traffic, fleet.province.traffic.ordinary)
    return [
        {
            "device": f"{'in' if arriving else 'out'}-{path}",
            "feeders": devices,
            "direction": "ingress" if arriving else "egress",
            "unclassified": queue_name(1, ordinary),
            "lines": [_line(node.name, 1, shape_line(fleet.province, capacity[path], arriving=arriving))],
        }
        for path, devices in feeders.items()
        for arriving in (False, True)
    ]


def _at_gateway(fleet: Fleet, gateway: Host) -> list[Values]:
    """One queue for each tunnel device, with a line for each node behind it whose capacity is known.

    What belongs to no line goes out at once: the gateway's own watch over the tunnels (BGP, BFD).
    """
    lines: dict[str, list[Values]] = {}
    for tunnel in fleet.tunnels_of(gateway.name):
        if tunnel.mbps:
            number = line_number(fleet, fleet.hosts[tunnel.node])
            shape = shape_line(fleet.province, tunnel.mbps)
            lines.setdefault(tunnel.gateway_device, []).append(_line(tunnel.node, number, shape))
    return [
        {"device": device, "feeders": [], "direction": "egress", "unclassified": queue_name(0), "lines": found}
        for device, found in sorted(lines.items())
    ]


def line_number(fleet: Fleet, node: Host) -> int:
    """The number of a node's line at the gateways, from 1, the same on every path."""
    return node.asn - fleet.province.routing.node_asn + 1


def _line(name: str, number: int, shape: LineShape) -> Values:
    return {
        "name": name,
        "queue": queue_name(number),
        "kbit": shape.rate_kbit,
        "burst": shape.burst_bytes,
        "classes": [
            {
                "id": one.traffic.id,
                "field": dscp_number(one.traffic.dscp) << 2,
                "number": one.number,
                "queue": queue_name(number, one.number),
                "handle": f"{number * 16 + one.number + OUTER:x}:",
                "inner": f"{number * 16 + one.number:x}:",
                "kbit": one.rate_kbit,
                "bytes": one.queue_bytes,
                "patient": one.traffic.dscp not in REAL_TIME,
            }
            for one in shape.classes
        ],
    }


def _behind(fleet: Fleet, host: Host) -> Iterable[Host]:
    """The nodes behind a gateway whose line has a known capacity on any path."""
    if host.host_class != "gateway":
        return ()
    return (fleet.hosts[name] for name in dict.fromkeys(one.node for one in fleet.tunnels_of(host.name) if one.mbps))


def _queued_node(fleet: Fleet, node: Host) -> Values:
    assert node.prefix, node.name  # noqa: S101 - every node has one
    number = line_number(fleet, node)
    return {
        "node": node.name,
        "ipv4": str(node.prefix.ipv4),
        "ipv6": str(node.prefix.ipv6),
        "classes": [
            {"dscp": one.dscp, "queue": queue_name(number, place)}
            for place, one in enumerate(fleet.province.traffic.classes, start=1)
        ],
    }
