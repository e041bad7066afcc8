"""The tiers of service and the organisations that answer for systems.

`tiers.yml` lists what each tier promises and what a system of it may use by default; `owners.yml` lists who answers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import NonNegativeInt, PositiveInt, model_validator

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, Slug, SourceRef
from province.fleet.objective import Objective
from province.fleet.site import SitePurpose


class TierId(StrEnum):
    """How soon a system must be back, from A (an hour) to D (best effort); E lives on the edge nodes."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


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
    """What a container gets when it asks for nothing, and the most it may ask for.

    `scratch` is what a pod may write on its node's disk beside its volumes: files of its own, and what it prints.
    """

    default_cpu_millicores: PositiveInt
    default_memory_mib: PositiveInt
    default_scratch_mib: PositiveInt
    max_cpu_millicores: PositiveInt
    max_memory_mib: PositiveInt
    max_scratch_mib: PositiveInt


class Tier(Fact):
    """One class of service: how much data and time a failure may cost, where its systems run, what they get.

    `rpo_minutes` and `rto_minutes` are null where nothing is promised. `placement` names sites by what they are
    for; it is empty for what runs on the edge nodes themselves. Where a cluster has not enough for all, pods of the
    tier with the higher `priority` push out the others. Copies of data are kept for `backup_days`. `objective` is what
    users of its systems are promised as long as nothing is lost; without one, nothing is.
    """

    id: TierId
    name: Names
    rpo_minutes: NonNegativeInt | None
    rto_minutes: NonNegativeInt | None
    backup_days: PositiveInt | None
    placement: tuple[SitePurpose, ...]
    priority: PositiveInt | None
    objective: Objective | None = None
    quota: Quota
    containers: ContainerLimits
    source: SourceRef
    features: tuple[FeatureId, ...] = ()

    @model_validator(mode="after")
    def _has_a_priority_where_it_has_a_place(self) -> Self:
        if (self.priority is None) == bool(self.placement):
            raise ValueError("a tier that is placed on clusters has a priority there, and only such a tier")
        if (self.backup_days is None) == (self.rpo_minutes is not None and bool(self.placement)):
            raise ValueError(
                "a tier on clusters that promises `rpo_minutes` says in `backup_days` how long copies stay"
            )
        return self
