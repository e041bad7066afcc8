"""The layers of a cluster: one program each. The last part of a stack's name chooses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Protocol

from infra.cluster import Cluster
from infra.programs import cluster, migration, platform, systems
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, MIGRATION, PLATFORM, SYSTEMS


class Program(Protocol):
    """Declares one layer of one cluster."""

    def __call__(self, fleet: Fleet, cluster: Cluster) -> None:
        """Register the layer's resources with the engine."""


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        CLUSTER: cluster.declare,
        PLATFORM: platform.declare,
        **{layer: partial(systems.declare, layer=layer) for layer in SYSTEMS},
        MIGRATION: migration.declare,
    }
)
"""The program of every layer (province.fleet.layer)."""
