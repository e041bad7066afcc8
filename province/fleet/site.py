"""Data-centre sites: racks, hosts by role, uplinks, clusters, and the rooms that are being left."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from province.fleet.fact import Fact, FeatureId, Location, Names, NonBlank, Slug, SourceRef


class SitePurpose(StrEnum):
    """What a site is for; it decides which systems are placed there."""

    PRIMARY = "primary"
    RECOVERY = "recovery"
    MIGRATION_SOURCE = "migration-source"
    NATIONAL = "national"
    HIGH_PERFORMANCE = "high-performance"


class HostRole(StrEnum):
    """What a data-centre host is for. The order gives the hosts their place in the address plan."""

    GATEWAY = "gateway"
    SERVICES = "services"
    BASTION = "bastion"
    CONTROL_PLANE = "control-plane"
    WORKER = "worker"
    STORAGE = "storage"
    INGRESS = "ingress"


class Duty(StrEnum):
    """A shared service that a `services` host offers to the site and its communes."""

    DNS = "dns"
    TIME = "time"
    LOGS = "logs"
    MIRROR = "mirror"
    BACKUP = "backup"
    MONITORING = "monitoring"


class FacilityRating(Fact):
    """A rating of the building that somebody certified, for example TIA-942; `None` until it is known."""

    standard: NonBlank
    rating: PositiveInt | None = None
    expires: date | None = None
    verified: bool = False


class Rack(Fact):
    """A rack, its height in rack units and its power budget in kilowatt."""

    id: Slug
    units: PositiveInt
    power_kw: PositiveFloat
    source: SourceRef


class Uplink(Fact):
    """A level-I path to the backbone. Two of one site never share a `route` (Circular 19/2023/TT-BTTTT)."""

    id: Slug
    provider: NonBlank
    route: Slug
    gbps: PositiveFloat
    source: SourceRef
    verified: bool = False


class HostGroup(Fact):
    """So many hosts of one role."""

    count: NonNegativeInt
    duties: tuple[Duty, ...] = ()
    source: SourceRef


class Cluster(Fact):
    """The site's Kubernetes cluster: one per site with its own etcd, never stretched over two sites."""

    kubernetes: NonBlank
    pods: IPv4Network
    services: IPv4Network
    pods_v6: IPv6Network
    services_v6: IPv6Network
    network_engine: Slug


class BridgeRoom(Fact):
    """The room from which the province joins meetings of the Government."""

    name: Names
    endpoints: PositiveInt
    uplinks: PositiveInt
    source: SourceRef
    verified: bool = False


class Site(Fact):
    """A place with racks, or one that is being left, or one that others run for us."""

    id: Slug
    name: Names
    purpose: SitePurpose
    cloud_class: NonBlank | None = None
    location: Location | None = None
    facility: FacilityRating | None = None
    racks: tuple[Rack, ...] = ()
    uplinks: tuple[Uplink, ...] = ()
    hosts: dict[HostRole, HostGroup] = Field(default_factory=dict)
    cluster: Cluster | None = None
    bridge_room: BridgeRoom | None = None
    optional: bool = False
    features: tuple[FeatureId, ...] = ()

    @property
    def is_data_centre(self) -> bool:
        """Whether we run hosts there."""
        return self.purpose in {SitePurpose.PRIMARY, SitePurpose.RECOVERY}
