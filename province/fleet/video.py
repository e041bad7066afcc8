"""Video: how a room's endpoint reaches the relays of the sites, at which rate, and how often a node tries it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from province.fleet.fact import DeviceName, Fact, FeatureId, Names, Percent, Port, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.site import Duty
from province.fleet.system import Component, ComponentKind, EndKind, System, end_of

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet
    from province.fleet.hosts import Host

KILO = 1000
HOUR_MINUTES = 60
PERIODS = tuple(minutes for minutes in range(1, HOUR_MINUTES + 1) if HOUR_MINUTES % minutes == 0)
EPHEMERAL = 49152
"""The first port that nobody may claim (RFC 6335); relays of TURN lie from there on (RFC 8656, section 7.2)."""
PROBES = 2
"""Allocations of a node that tries a relay out: one sends, the other one hears it."""


class Profile(Fact):
    """The rate of a call, kilobit per second in each direction, on lines of more than `above_mbps`."""

    id: Slug
    name: Names
    above_mbps: NonNegativeInt
    kbps: PositiveInt


class Video(Fact):
    """Rooms, relays and the trial of both.

    Endpoints stand in `zone`, `room_endpoints` in the room of each node; each takes at most `endpoint_allocations` of
    a relay. A relay hands out the ports from `first_port` to `last_port`. At `door_port` it gives a node a credential
    that ends after `credential_minutes`; `uid` is the number of its account, and of that which tries relays out on a
    node. A node joins every relay once in `try_minutes` and sends for `try_seconds` at the rate of its profile. More
    than `most_lost` percent lost, or a median delay above `most_delay_ms`, is an alarm.
    """

    zone: DeviceName
    room_endpoints: PositiveInt
    endpoint_allocations: PositiveInt
    profiles: Annotated[tuple[Profile, ...], Field(min_length=1)]
    first_port: Annotated[Port, Field(ge=EPHEMERAL)]
    last_port: Port
    door_port: Port
    uid: Annotated[int, Field(ge=820, le=899)]
    credential_minutes: Annotated[int, Field(ge=1, le=1440)]
    try_minutes: Annotated[int, Field(ge=1, le=60)]
    try_seconds: Annotated[float, Field(gt=0, le=10)]
    most_lost: Percent
    most_delay_ms: PositiveInt
    source: SourceRef
    features: tuple[FeatureId, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first_port > self.last_port:
            raise ValueError(f"last_port {self.last_port} comes before first_port {self.first_port}")
        if self.try_minutes not in PERIODS:
            raise ValueError(f"try_minutes {self.try_minutes} does not divide an hour; give one of {PERIODS}")
        floors = [one.above_mbps for one in self.profiles]
        if floors[0] != 0 or sorted(set(floors)) != floors:
            raise ValueError("profiles: the first is for lines above 0 Mbps, each further one for faster lines")
        return self

    def profile(self, mbps: float) -> Profile:
        """The profile of a line of so many megabit per second: the last one that the line is fast enough for."""
        return [one for one in self.profiles if mbps > one.above_mbps][-1]

    def calendar(self, place: int, places: int) -> str:
        """When the node at a place of so many tries, as systemd writes it (systemd.time(7)): spread evenly."""
        second = place * self.try_minutes * 60 // places
        minutes = ",".join(f"{one:02}" for one in range(second // 60, HOUR_MINUTES, self.try_minutes))
        return f"*-*-* *:{minutes}:{second % 60:02}"

    @property
    def allocations(self) -> int:
        """How many allocations one room may have at one relay: its endpoints and the node that tries it out."""
        return self.room_endpoints * self.endpoint_allocations + PROBES


def relays(system: System) -> Iterator[tuple[str, Component]]:
    """The components of a system that hosts with the duty serve, in the order of its file."""
    for name, one in system.components.items():
        if one.kind is ComponentKind.HOSTS and one.duty is Duty.VIDEO:
            yield name, one


def relay_ports(fleet: Fleet) -> dict[str, int]:
    """The port of a relay for each protocol, `tcp` by TLS; empty for a province without relays."""
    return {
        one.protocol: one.port for system in fleet.systems.values() for _, one in relays(system) if one.port is not None
    }


def spoken_to(fleet: Fleet) -> tuple[tuple[str, int], ...]:
    """Protocol and port at the entrances of what relays may pass packets on to: the flows that they open."""
    found: dict[tuple[str, int], None] = {}
    for system in fleet.systems.values():
        own = {name for name, _ in relays(system)}
        for flow in system.flows:
            origin, end = end_of(flow.origin), end_of(flow.to)
            if origin.name in own and origin.kind is EndKind.COMPONENT and end.kind is EndKind.COMPONENT:
                far = system.components[end.name]
                if far.offered_on is not None:
                    found[far.protocol, far.offered_on] = None
    return tuple(found)


def line_kbps(fleet: Fleet, mbps: int) -> float:
    """What video has for itself on a full leased line of so many megabit per second, in kilobit per second."""
    traffic = fleet.province.traffic
    own = traffic.of_zone(fleet.province.video.zone)
    share = own.thin_share if mbps <= traffic.thin_mbps else own.share
    return mbps * KILO * fleet.province.utilisation_limit / 100 * share / 100


def leased_mbps(node: Host) -> int | None:
    """The capacity of a node's leased line, megabit per second; None where nobody stated it."""
    return node.interfaces[0].mbps


def check_video(fleet: Fleet) -> Iterator[Finding]:
    """A relay has one port of each protocol and ports enough for every room, and every line carries its room's call."""
    video, file = fleet.province.video, fleet.origins["province"]
    yield from unresolved(file, "video.zone", video.zone, [one.id for one in fleet.province.commune_zones], "zone")
    served = [one.protocol for system in fleet.systems.values() for _, one in relays(system)]
    if served and sorted(served) != ["tcp", "udp"]:
        mend = "one component of `kind: hosts`, `duty: video` with a port by udp, and one by tcp for TLS"
        yield Finding(file, "video", ", ".join(served), "a relay has one port of each protocol", mend)
    lines = [commune.lines.of(body).mbps for commune in fleet.communes.values() for body in fleet.province.bodies]
    ports, wanted = video.last_port - video.first_port + 1, len(lines) * video.allocations
    if ports < wanted:
        problem = f"{ports} ports for {wanted} allocations of {len(lines)} rooms"
        yield Finding(file, "video.last_port", str(video.last_port), problem, "widen the range")
    for mbps in sorted(set(lines)):
        profile, there = video.profile(mbps), line_kbps(fleet, mbps)
        if profile.kbps * video.room_endpoints > there:
            problem = f"on a line of {mbps} Mbps video has {there:.0f} kbit/s for {video.room_endpoints} endpoints"
            yield Finding(file, f"video.profiles.{profile.id}.kbps", str(profile.kbps), problem, "lower the rate")
