"""Data-centre sites: racks, hosts by role, uplinks, clusters, and the rooms that are being left."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, StringConstraints

from province.fleet.calendar import Window
from province.fleet.fact import Fact, FeatureId, Location, Names, NonBlank, Port, Slug, SourceRef
from province.fleet.public_names import PublicEntrance
from province.fleet.secret import StoreCredentials


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
    REGISTRY = "registry"
    BACKUP = "backup"
    MONITORING = "monitoring"
    RELAY = "relay"
    SENSORS = "sensors"
    VIDEO = "video"


NetworkEngine = Literal["bridge", "calico", "cilium"]
"""What connects the pods of a cluster: the plain bridge of the CNI project with static routes, or an engine."""


class Provided(StrEnum):
    """What a cluster offers beyond Kubernetes itself; an object that needs it is declared only where it is there."""

    LOCAL_PATH = "local-path"
    """Volumes on the disks of the nodes themselves."""
    METRICS_SERVER = "metrics-server"
    """How busy pods are, so that their number can follow."""
    CLOUDNATIVE_PG = "cloudnative-pg"
    """Databases that are built, watched and failed over by their operator."""
    INGRESS = "ingress"
    """A controller that takes in users' connections by name."""
    MONITORING = "monitoring"
    """Somebody who collects figures and knows what to make of rules and dashboards."""


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


class HostSize(Fact):
    """What one host has: cores as the scheduler counts them, memory in GiB, and TB of disk that objects may fill."""

    cores: PositiveInt
    memory_gib: PositiveInt
    disk_tb: PositiveFloat | None = None


class HostGroup(Fact):
    """So many hosts of one role, of one size; only what is counted on for pods or objects needs the size."""

    count: NonNegativeInt
    size: HostSize | None = None
    duties: tuple[Duty, ...] = ()
    source: SourceRef


class ApiEndpoint(Fact):
    """Where a cluster is asked: an address in each zone of its control planes that one of them holds at a time.

    `number` is the address's place inside the zones, below those of the hosts. `port` is the load balancer's, which
    stands on every control plane; each API server itself listens on 6443, as everywhere.
    """

    number: Annotated[int, Field(ge=2)]
    port: Port


class Snapshots(Fact):
    """When every member of etcd keeps a copy of its data (a calendar event of systemd.time(7)), and how many stay."""

    calendar: NonBlank
    kept: PositiveInt


class BackupStore(Fact):
    """An S3-compatible store outside the cluster for copies of what it holds (3-2-1: TCVN 14423:2026, 5.11).

    `credentials` names the secret in each room with the keys `id` and `key`; what is in it is no fact.
    """

    url: NonBlank
    bucket: Slug
    credentials: StoreCredentials
    source: SourceRef


class RunStore(Fact):
    """An S3-compatible store in which the shards of a roll-out keep facts and evidence (docs/adr/0040).

    `addresses` are where `url` leads: network policies know no names. `credentials` names the secret in the runner's
    room with the keys `id` and `key`: it is laid there for a run and taken away after it, so it is no secret that is
    kept (`registers/secrets.yml`).
    """

    url: Annotated[str, StringConstraints(pattern=r"^https://[a-z0-9.-]+(:[0-9]{1,5})?$")]
    addresses: Annotated[tuple[IPv4Address | IPv6Address, ...], Field(min_length=1)]
    bucket: Slug
    credentials: Slug
    source: SourceRef

    @property
    def place(self) -> str:
        """What the name of every run's place begins with."""
        return f"s3://{self.bucket}/"

    @property
    def port(self) -> int:
        """The TCP port that it answers at."""
        return urlsplit(self.url).port or 443


class Cluster(Fact):
    """The site's Kubernetes cluster: one per site with its own etcd, never stretched over two sites."""

    kubernetes: NonBlank
    api: ApiEndpoint
    pods: IPv4Network
    services: IPv4Network
    pods_v6: IPv6Network
    services_v6: IPv6Network
    network_engine: NetworkEngine
    snapshots: Snapshots
    renew_before_days: Annotated[int, Field(ge=31, le=300)]
    """How long before they run out the control planes' certificates are renewed; kubeadm makes them for a year."""
    provides: tuple[Provided, ...] = ()
    backup_store: BackupStore | None = None
    run_store: RunStore | None = None

    @property
    def dual_stack(self) -> bool:
        """Whether pods and services have IPv6 addresses, too.

        Network policies on the plain bridge are enforced for IPv4 alone: a second address would be a way round them.
        """
        return self.network_engine != "bridge"

    def offers(self, what: Provided) -> bool:
        """Whether the cluster offers something beyond Kubernetes itself."""
        return what in self.provides


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
    public: PublicEntrance | None = None
    windows: tuple[Window, ...] = ()
    """When its hosts may be changed; at any time without one."""
    optional: bool = False
    features: tuple[FeatureId, ...] = ()

    @property
    def is_data_centre(self) -> bool:
        """Whether we run hosts there."""
        return self.purpose in {SitePurpose.PRIMARY, SitePurpose.RECOVERY}
