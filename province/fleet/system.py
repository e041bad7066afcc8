"""The systems of the province: what runs on the clusters, for whom, how well protected, and who talks to whom.

`systems/<id>.yml` holds one system; its id is the file's name. `tiers.yml` lists what each tier promises and what
a system of it may use by default; `owners.yml` lists who answers for systems.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, Port, Slug, SourceRef
from province.fleet.site import SitePurpose

LEVEL_OF_THE_PROVINCE = 3
"""Decree 331/2026: infrastructure that serves the bodies of one province is level 3; less needs a reason."""

LEVEL_OF_PRIVATE_DATA = 2
"""Decree 331/2026: a system with private or personal data is level 2 at least."""


class TierId(StrEnum):
    """How soon a system must be back, from A (an hour) to D (best effort); E lives on the edge nodes."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


class DataClass(StrEnum):
    """The most delicate data that a system holds."""

    OPEN = "open"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"


class Pillar(StrEnum):
    """The part of the digital transformation a system belongs to; each becomes a stack."""

    GOVERNMENT = "government"
    DATA = "data"
    ECONOMY_SOCIETY = "economy-society"
    SECURITY = "security"
    TECHNOLOGY = "technology"


class Exposure(StrEnum):
    """From where users come: the specialised network, the Internet, or nowhere (other systems only)."""

    TSLCD = "tslcd"
    INTERNET = "internet"
    NONE = "none"


class State(StrEnum):
    """How far a system has come on the province's clusters; where it ran before is in `replaces`."""

    PLANNED = "planned"
    """Named by the mission but not decided: it is listed and gets no room."""
    DECLARED = "declared"
    """It has its room; its software is not delivered yet."""
    MIGRATING = "migrating"
    RUNNING = "running"
    RETIRED = "retired"


class ComponentKind(StrEnum):
    """What a component is made of; the platform has one way to provide each kind but `workload`."""

    WORKLOAD = "workload"
    POSTGRESQL = "postgresql"
    OBJECT_STORE = "object-store"
    JETSTREAM = "jetstream"
    SEARCH = "search"
    CACHE = "cache"
    VOLUME = "volume"


WELL_KNOWN_PORTS = {
    ComponentKind.POSTGRESQL: 5432,
    ComponentKind.OBJECT_STORE: 9000,
    ComponentKind.JETSTREAM: 4222,
    ComponentKind.SEARCH: 9200,
    ComponentKind.CACHE: 6379,
}
"""The port each provided kind listens on by its own convention; a volume has none."""

HTTP_PORTS = frozenset({8080, 8443})
"""The province's convention: a component that speaks HTTP listens on one of these."""

HTTPS = 443
"""Where the entrance of a site offers everything that speaks HTTP."""


class Owner(Fact):
    """An organisation that answers for systems; its id is also the name of the group with rights to them.

    `contact` is null in git: people's names and numbers are not published. `verified` says that the
    organisation has confirmed that it is the owner.
    """

    id: Slug
    name: Names
    contact: NonBlank | None
    verified: bool = False
    source: SourceRef
    features: tuple[FeatureId, ...] = ()


class Quota(Fact):
    """The most that one system may use in one cluster."""

    cpu_cores: PositiveInt
    memory_gib: PositiveInt
    pods: PositiveInt
    storage_gib: NonNegativeInt


class ContainerLimits(Fact):
    """What a container gets when it asks for nothing, and the most it may ask for."""

    default_cpu_millicores: PositiveInt
    default_memory_mib: PositiveInt
    max_cpu_millicores: PositiveInt
    max_memory_mib: PositiveInt


class Tier(Fact):
    """One class of service: how much data and time a failure may cost, where its systems run, what they get.

    `rpo_minutes` and `rto_minutes` are null where nothing is promised. `placement` names sites by what they are
    for; it is empty for what runs on the edge nodes themselves.
    """

    id: TierId
    name: Names
    rpo_minutes: NonNegativeInt | None
    rto_minutes: NonNegativeInt | None
    placement: tuple[SitePurpose, ...]
    quota: Quota
    containers: ContainerLimits
    source: SourceRef
    features: tuple[FeatureId, ...] = ()


class Component(Fact):
    """One part of a system. A workload names its image; null says that nobody has delivered it yet.

    `port` is null for a workload that only calls others. Sizes are per replica.
    """

    kind: ComponentKind = ComponentKind.WORKLOAD
    image: NonBlank | None = None
    port: Port | None = None
    protocol: Literal["tcp", "udp"] = "tcp"
    cpu_millicores: PositiveInt | None = None
    memory_mib: PositiveInt | None = None
    replicas: PositiveInt | None = None
    storage_gib: PositiveInt | None = None

    @model_validator(mode="after")
    def _image_of_workloads_only(self) -> Self:
        is_workload = self.kind is ComponentKind.WORKLOAD
        if is_workload and "image" not in self.model_fields_set:
            raise ValueError("a workload says its image; write `image: null` while it is not delivered")
        if not is_workload and self.image is not None:
            raise ValueError(f"the platform provides the image of a {self.kind.value}")
        return self

    @property
    def listens_on(self) -> int | None:
        """The port that flows to this component use."""
        return self.port or WELL_KNOWN_PORTS.get(self.kind)

    @property
    def offered_on(self) -> int | None:
        """The port at which users outside the cluster find it, at the entrance of its site."""
        return HTTPS if self.listens_on in HTTP_PORTS else self.listens_on


class EndKind(StrEnum):
    """What one end of a flow can be."""

    ZONE = "zone"
    SYSTEM = "system"
    EXTERNAL = "external"
    COMPONENT = "component"


class End(NamedTuple):
    """One end of a flow, taken apart: `name` is a zone, system, endpoint or component of the same system."""

    kind: EndKind
    name: str
    component: str | None = None


_WORD = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
FlowEnd = Annotated[str, StringConstraints(pattern=rf"^((zone|external)/{_WORD}|system/{_WORD}(/{_WORD})?|{_WORD})$")]
"""`zone/<zone>`, `external/<endpoint>`, `system/<id>[/<component>]`, or a component of the same system."""


def end_of(text: str) -> End:
    """The parts of a flow's end."""
    kind, _, rest = text.partition("/")
    if not rest:
        return End(EndKind.COMPONENT, kind)
    name, _, component = rest.partition("/")
    return End(EndKind(kind), name, component or None)


class Flow(Fact):
    """One connection that is allowed, opened by `from`. What crosses the system's edge says why.

    A flow stands once: in the file of the system that opens it.
    """

    origin: FlowEnd = Field(alias="from")
    to: FlowEnd
    why: NonBlank | None = None

    @model_validator(mode="after")
    def _stands_once_and_says_why(self) -> Self:
        if end_of(self.origin).kind is EndKind.SYSTEM:
            raise ValueError("a flow stands in the file of the system that opens it")
        outside = {end_of(self.origin).kind, end_of(self.to).kind} & {EndKind.EXTERNAL, EndKind.SYSTEM}
        if outside and self.why is None:
            raise ValueError("a flow to or from another system says why")
        return self


class Legacy(Fact):
    """A system of one of the former provinces whose users and data this system takes over."""

    province: NonBlank
    system: Slug
    source: SourceRef
    verified: bool = False


class System(Fact):
    """One system of the province.

    Below level 3 `level_reason` says why; splitting a system to lower its level is forbidden (Decree 331/2026).
    `placement` and `quota` are only given where they differ from the tier's.
    """

    id: Slug
    name: Names
    owner: Slug
    tier: TierId
    level: Annotated[int, Field(ge=1, le=5)]
    level_reason: NonBlank | None = None
    data: DataClass
    pillar: Pillar
    exposure: Exposure
    project06: bool = False
    state: State
    features: tuple[FeatureId, ...]
    replaces: tuple[Legacy, ...] = ()
    placement: tuple[SitePurpose, ...] | None = None
    quota: Quota | None = None
    components: dict[Slug, Component]
    flows: tuple[Flow, ...] = ()
    note: NonBlank | None = None

    @model_validator(mode="after")
    def _level_fits(self) -> Self:
        if self.project06 and self.level < LEVEL_OF_THE_PROVINCE:
            raise ValueError("connected to Project 06: level 3 or above (Circular 46/2022/TT-BCA)")
        private = self.data in {DataClass.PERSONAL, DataClass.SENSITIVE}
        if private and self.level < LEVEL_OF_PRIVATE_DATA:
            raise ValueError("private data: level 2 or above (Decree 331/2026)")
        if (self.level < LEVEL_OF_THE_PROVINCE) != (self.level_reason is not None):
            raise ValueError("say in `level_reason` why the level is below 3, and only then")
        return self

    @property
    def has_room(self) -> bool:
        """Whether the clusters hold a namespace for it: decided, and not retired."""
        return self.state not in {State.PLANNED, State.RETIRED}

    def placed_in(self, tiers: Mapping[str, Tier]) -> tuple[SitePurpose, ...]:
        """Where it runs: as declared here, else as its tier says."""
        return self.placement if self.placement is not None else tiers[self.tier].placement

    def quota_in(self, tiers: Mapping[str, Tier]) -> Quota:
        """What it may use in one cluster: as declared here, else as its tier says."""
        return self.quota or tiers[self.tier].quota
