"""What is true of the province as a whole: its name, its zones, its address plan, its waves."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, StringConstraints, field_validator

from province.fleet.commune import BackupKind, CommuneKind
from province.fleet.copies import Copies
from province.fleet.counter import Counter
from province.fleet.fact import (
    Body,
    DeviceName,
    DomainName,
    Fact,
    FeatureId,
    Names,
    NonBlank,
    Percent,
    Port,
    RoutingDomain,
    Slug,
    SourceRef,
)
from province.fleet.logs import Logs
from province.fleet.public_names import PublicNames
from province.fleet.pull import Pull
from province.fleet.relay import Relay
from province.fleet.rollout import Rollout
from province.fleet.sensors import Sensors
from province.fleet.site import HostRole
from province.fleet.traffic import Traffic
from province.fleet.updates import Updates
from province.fleet.video import Video

ZoneName = Annotated[str, StringConstraints(pattern=r"^(\.|([a-z0-9-]+\.)*[a-z0-9-]+)$", max_length=200)]
"""A DNS zone without the dot at its end; the root is a dot."""


class NetworkPair(Fact):
    """One address range in both protocols."""

    ipv4: IPv4Network
    ipv6: IPv6Network


class PrefixLengths(Fact):
    """How long a prefix one unit of something gets."""

    ipv4: Annotated[int, Field(ge=8, le=30)]
    ipv6: Annotated[int, Field(ge=32, le=64)]


class Neighbours(Fact):
    """Zones of the same commune from which connections into a zone may be opened, and to which TCP ports of it."""

    zones: Annotated[tuple[DeviceName, ...], Field(alias="from", min_length=1)]
    ports: Annotated[tuple[Port, ...], Field(min_length=1)]
    source: SourceRef


class CommuneZone(Fact):
    """A zone inside a commune; its interface carries the zone's name. An optional one keeps its place free.

    `vlan` is its number on the port to the commune's switch (IEEE 802.1Q), where zones share one. `neighbours` is the
    only way from one zone into another: without it there is none.
    """

    id: DeviceName
    name: Names
    vlan: Annotated[int, Field(ge=2, le=4094)]
    ipv4_prefix: Annotated[int, Field(ge=24, le=30)]
    optional: bool = False
    internet: bool = False
    neighbours: Neighbours | None = None
    features: tuple[FeatureId, ...] = ()


class ZonePort(Fact):
    """The node's port to the commune's switch, which carries all zones where they arrive as VLANs."""

    device: DeviceName
    source: SourceRef


class SiteZone(Fact):
    """One of the zones that level 3 asks for in a data centre (TCVN 14423:2026, through source R1)."""

    id: DeviceName
    name: Names


class RoleLayout(Fact):
    """Which zones and underlays a host of a role is connected to; the first zone is its own."""

    zones: tuple[DeviceName, ...]
    underlays: tuple[DeviceName, ...] = ()
    forwards: bool = False


class EdgePath(Fact):
    """A way from a node to the gateways; its device at the node carries the path's name.

    `arrives` is the gateways' underlay at the far end, `backup` the kind of backup that a commune must have for it
    (None for the leased line), `mtu` the largest packet that the provider carries, in bytes.
    """

    id: DeviceName
    name: Names
    arrives: DeviceName
    backup: BackupKind | None = None
    mtu: Annotated[int, Field(ge=1280, le=9000)]


class Domain(Fact):
    """A closed routing world. `tag` begins the names of its devices at the gateways."""

    name: Names
    tag: Annotated[str, StringConstraints(pattern=r"^[a-z]{1,5}$")]


class Watch(Fact):
    """How fast the end of a path is noticed (BFD, RFC 5880): one echo each `echo_ms`, `missed` of them in a row."""

    echo_ms: Annotated[int, Field(ge=50, le=60_000)]
    missed: Annotated[int, Field(ge=2, le=10)]


WatchName = Literal["fast", "calm"]


class Routing(Fact):
    """Numbers that the routing between nodes and gateways counts from.

    Autonomous systems: `core_asn` for the routers of the sites and the network between them, `site_asn` plus the
    site's rank for its gateways, `node_asn` plus the node's number (private use, RFC 6996).
    UDP ports of the gateways' tunnel devices count from `first_tunnel_port`.
    """

    core_asn: Annotated[int, Field(ge=4_200_000_000, le=4_294_967_294)]
    site_asn: Annotated[int, Field(ge=4_200_000_000, le=4_294_967_294)]
    node_asn: Annotated[int, Field(ge=4_200_000_000, le=4_294_967_294)]
    first_tunnel_port: Port
    watches: dict[WatchName, Watch]
    source: SourceRef


class Clock(Fact):
    """When a host's clock is an alarm: too far from its sources, or without any of them for too long.

    `least_sources`: so many sources every host has. Two that differ are no majority; of three, one may be wrong
    (RFC 5905, section 11.2.1).
    """

    maximum_offset_ms: PositiveInt
    maximum_silence_minutes: PositiveInt
    least_sources: Annotated[int, Field(ge=3)]
    source: SourceRef


class Monitoring(Fact):
    """How hosts are watched: asked for figures every so often, an alarm when they were silent for so long.

    `facts_s`: how often a host writes down what only it knows. A certificate is an alarm so many days before it ends,
    when renewal should long have replaced it.
    """

    every_s: PositiveInt
    facts_s: PositiveInt
    silent_s: PositiveInt
    kept_days: PositiveInt
    certificate_days: PositiveInt
    source: SourceRef


class EvidencePlan(Fact):
    """How long what verification saw is kept, and how old it may be before it says nothing any more.

    `retention` maps a class of runs to months; a run is of the class `routine` unless it was asked for as another.
    """

    retention: dict[Slug, PositiveInt]
    stale_after_hours: PositiveInt
    source: SourceRef

    @field_validator("retention")
    @classmethod
    def _has_routine(cls, retention: dict[str, int]) -> dict[str, int]:
        if "routine" not in retention:
            raise ValueError("the class `routine` must be there: it is that of a run nobody asked to keep for longer")
        return retention


class AddressReview(Fact):
    """Address records are reviewed every year (Circular 19/2023/TT-BTTTT, through source V4)."""

    reviewed_on: date
    allocated_by: NonBlank
    request_ref: NonBlank | None = None
    verified: bool = False


class AddressPlan(Fact):
    """Ranges from which every address is computed.

    The plan in git uses ranges that are set aside for documentation and tests; an overlay that is never
    committed replaces it with the real one.
    """

    documentation: bool
    review: AddressReview
    bodies: dict[RoutingDomain, NetworkPair]
    body_prefix: PrefixLengths
    underlays: dict[DeviceName, NetworkPair]
    underlay_reserved: PositiveInt
    sites: NetworkPair
    tunnels: NetworkPair
    tunnel_prefix: PrefixLengths
    tunnel_reserved: PositiveInt
    gateways_per_site: PositiveInt
    site_prefix: PrefixLengths
    site_zone_ipv4: Annotated[int, Field(ge=20, le=28)]
    role_stride: PositiveInt


class Province(Fact):
    """The province itself; everything that another province would set differently in one file."""

    id: Slug
    code: NonBlank
    name: Names
    domain: DomainName
    public_names: PublicNames | None = None
    units: dict[CommuneKind, PositiveInt]
    bodies: dict[Body, BodyFacts]
    utilisation_limit: Percent
    utilisation_source: SourceRef
    commune_zones: tuple[CommuneZone, ...]
    zone_port: ZonePort
    traffic: Traffic
    site_zones: tuple[SiteZone, ...]
    roles: dict[HostRole, RoleLayout]
    edge_paths: Annotated[tuple[EdgePath, ...], Field(min_length=1)]
    domains: dict[RoutingDomain, Domain]
    routing: Routing
    management_zone: DeviceName
    addressing: AddressPlan
    clock: Clock
    monitoring: Monitoring
    logs: Logs
    relay: Relay
    sensors: Sensors
    video: Video
    counter: Counter
    copies: Copies
    pull: Pull
    updates: Updates
    evidence: EvidencePlan
    rollout: Rollout
    framework: NonBlank
    features: tuple[FeatureId, ...] = ()

    @property
    def leased_path(self) -> EdgePath:
        """The path that every node has: its leased line."""
        return next(path for path in self.edge_paths if path.backup is None)

    @property
    def unit_count(self) -> int:
        """How many commune-level units the province has."""
        return sum(self.units.values())


class BodyFacts(Fact):
    """A body's names and the routing domain that its line belongs to."""

    name: Names
    routing_domain: RoutingDomain


Province.model_rebuild()
