"""The systems of the province: what runs on the clusters, for whom, how well protected, and who talks to whom.

`systems/<id>.yml` holds one system; its id is the file's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, Port, Slug, SourceRef
from province.fleet.objective import Objective
from province.fleet.public_names import Mail
from province.fleet.site import Duty, SitePurpose
from province.fleet.tier import Quota, Tier, TierId

LEVEL_OF_THE_PROVINCE = 3
"""Decree 331/2026: infrastructure that serves the bodies of one province is level 3; less needs a reason."""

LEVEL_OF_PRIVATE_DATA = 2
"""Decree 331/2026: a system with private or personal data is level 2 at least."""


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


class PodSecurity(StrEnum):
    """What the pods of a room may do, by the three profiles of the Pod Security Standards."""

    RESTRICTED = "restricted"
    BASELINE = "baseline"
    PRIVILEGED = "privileged"


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
    HOSTS = "hosts"
    """Hosts of a site with the duty that it names serve it, and no pod."""


WELL_KNOWN_PORTS = {
    ComponentKind.POSTGRESQL: 5432,
    ComponentKind.OBJECT_STORE: 9000,
    ComponentKind.JETSTREAM: 4222,
    ComponentKind.SEARCH: 9200,
    ComponentKind.CACHE: 6379,
}
"""The port each provided kind listens on by its own convention; a volume has none."""

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^(/[a-z0-9._-]+)+$")]

HTTP_PORTS = frozenset({8080, 8443})
"""The province's convention: a component that speaks HTTP listens on one of these."""

HTTPS = 443
"""Where the entrance of a site offers everything that speaks HTTP."""


class Component(Fact):
    """One part of a system. A workload names its image; null says that nobody has delivered it yet.

    `port` is null for a workload that only calls others. Sizes are per replica; with `most_replicas` their number
    follows the load. `storage_at` is where a workload finds its `storage_gib`. `duty` is that of the hosts that serve a
    component of kind `hosts`; users find it at each of them, at every site that has one.
    """

    kind: ComponentKind = ComponentKind.WORKLOAD
    image: NonBlank | None = None
    port: Port | None = None
    protocol: Literal["tcp", "udp"] = "tcp"
    cpu_millicores: PositiveInt | None = None
    memory_mib: PositiveInt | None = None
    replicas: PositiveInt | None = None
    most_replicas: PositiveInt | None = None
    storage_gib: PositiveInt | None = None
    storage_at: AbsolutePath | None = None
    duty: Duty | None = None

    @model_validator(mode="after")
    def _image_of_workloads_only(self) -> Self:
        is_workload = self.kind is ComponentKind.WORKLOAD
        if is_workload and "image" not in self.model_fields_set:
            raise ValueError("a workload says its image; write `image: null` while it is not delivered")
        if not is_workload and self.image is not None:
            raise ValueError(f"the platform provides the image of a {self.kind.value}")
        if (self.storage_at is not None) != (is_workload and self.storage_gib is not None):
            raise ValueError(
                "a workload with `storage_gib` says in `storage_at` where it wants it, and nothing else does"
            )
        if (self.kind is ComponentKind.HOSTS) != (self.duty is not None):
            raise ValueError("a component of kind `hosts`, and no other, says its `duty`")
        if self.most_replicas is not None and self.most_replicas <= (self.replicas or 1):
            raise ValueError("`most_replicas` is more than `replicas`, else leave it out")
        return self

    @property
    def replicas_at_peak(self) -> int:
        """How many there are at most, unless the platform has a number of its own for the kind."""
        return self.most_replicas or self.replicas or 1

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
    Where pods may do more than the profile `restricted` allows, `pod_security_reason` says why.
    `placement`, `quota` and `objective` are only given where they differ from the tier's; an objective may only be
    stricter. `mail` is that of the one system that exchanges it for the province's domain. A part of the platform that
    serves one network engine names it in `network_engine`: other clusters have no room for it.
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
    pod_security: PodSecurity = PodSecurity.RESTRICTED
    pod_security_reason: NonBlank | None = None
    state: State
    features: tuple[FeatureId, ...]
    replaces: tuple[Legacy, ...] = ()
    placement: tuple[SitePurpose, ...] | None = None
    network_engine: Slug | None = None
    quota: Quota | None = None
    objective: Objective | None = None
    mail: Mail | None = None
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

    @model_validator(mode="after")
    def _pods_are_restricted(self) -> Self:
        if (self.pod_security is PodSecurity.RESTRICTED) == (self.pod_security_reason is not None):
            raise ValueError("say in `pod_security_reason` why pods need more than `restricted`, and only then")
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

    def objective_in(self, tiers: Mapping[str, Tier]) -> Objective | None:
        """What its users are promised: as declared here, else as its tier says."""
        return self.objective or tiers[self.tier].objective
