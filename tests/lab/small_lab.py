"""A lab of two networks and three guests, to try the engine with beside any other lab."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from pathlib import Path

from province.lab.spec import GuestSpec, Image, LabSpec, MirrorSpec, NetworkSpec, NicSpec

NARROW_MBPS = 4.0


def host(name: str, where: str, number: int, *, mbps: float | None = None, image: Image = "host") -> GuestSpec:
    """Return a guest with one line into the network `where` and one port that leads nowhere."""
    third = {"wan": 0, "dc": 1}[where]
    line = NicSpec(
        device=f"{where}0",
        network=where,
        addresses=(IPv4Interface(f"198.18.{third}.{number}/24"),),
        gateways=(IPv4Address(f"198.18.{third}.1"),),
        mbps=mbps,
        management=True,
    )
    return GuestSpec(name, (line, NicSpec("lan0", None, mac="02:00:00:00:00:07")), image)


def small_lab(debs: tuple[Path, ...] = ()) -> LabSpec:
    """Return a lab of two networks and three guests."""
    return LabSpec(
        domain="engine.test",
        station=IPv4Address("198.18.0.1"),
        networks=(
            NetworkSpec("wan", IPv4Interface("198.18.0.1/24"), IPv6Interface("2001:db8::1/64")),
            NetworkSpec("dc", IPv4Interface("198.18.1.1/24")),
        ),
        guests=(
            host("edge-1", "wan", 11, mbps=NARROW_MBPS),
            host("services-1", "dc", 11),
            host("cluster-1", "dc", 12, image="kubernetes"),
        ),
        mirror=MirrorSpec(debs=debs),
    )
