"""What every object of a system carries: whose it is, how it is protected, and which rows of the mission it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from province.fleet.fleet import Fleet
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
        words.key("declared-in"): fleet.origins[f"systems/{system.id}"],
    }
    return Marks(MappingProxyType(labels), MappingProxyType(annotations))
