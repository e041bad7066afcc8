"""What every object of a system carries: whose it is, how it is protected, and which rows of the mission it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from province.fleet.fleet import Fleet
from province.fleet.policy import APPROVAL, FROZEN, is_frozen
from province.fleet.system import System

PART_OF = "app.kubernetes.io/part-of"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"


@dataclass(frozen=True)
class Marks:
    """Labels, which are selected by, and annotations, which are read by people."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Vocabulary:
    """The province's own keys, under its own domain, so that they meet nobody else's."""

    domain: str

    def key(self, word: str) -> str:
        """The full key of one of our labels or annotations."""
        return f"{self.domain}/{word}"


def vocabulary(fleet: Fleet) -> Vocabulary:
    """The keys of this province."""
    return Vocabulary(fleet.province.domain)


def marks_of_cluster(fleet: Fleet, declared_in: str) -> Marks:
    """The marks of what belongs to no system: whoever runs the province's clusters answers for it.

    `declared_in` is the key in the fleet's `origins` of what decides about it.
    """
    words = vocabulary(fleet)
    return Marks(
        MappingProxyType({MANAGED_BY: "pulumi"}),
        MappingProxyType({words.key("declared-in"): fleet.origins[declared_in]}),
    )


def marks_of(system: System, fleet: Fleet) -> Marks:
    """The marks of a system. Costs are the owner's, so the owner's label is what they are counted by."""
    words = vocabulary(fleet)
    labels = {
        PART_OF: system.id,
        MANAGED_BY: "pulumi",
        words.key("owner"): system.owner,
        words.key("tier"): system.tier.value,
        words.key("level"): str(system.level),
        words.key("pillar"): system.pillar.value,
        words.key("data-class"): system.data.value,
        words.key("project06"): str(system.project06).lower(),
    }
    annotations = {
        words.key("name"): system.name.vi,
        words.key("features"): ",".join(str(row) for row in system.features),
        words.key("declared-in"): fleet.origin_of(system),
    }
    if is_frozen(system):
        labels[words.key(FROZEN)] = "true"
    approvals = fleet.registers.project06_approvals.rows
    if approval := next((one.id for one in approvals if one.system == system.id), None):
        annotations[words.key(APPROVAL)] = approval
    return Marks(MappingProxyType(labels), MappingProxyType(annotations))
