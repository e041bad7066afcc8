"""The layers of a cluster: one program each. The last part of a stack's name chooses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from infra.cluster import Cluster
from infra.programs import systems
from province.fleet.fleet import Fleet


class Program(Protocol):
    """Declares one layer of one cluster."""

    def __call__(self, fleet: Fleet, cluster: Cluster) -> None:
        """Register the layer's resources with the engine."""


LAYERS: Mapping[str, Program] = MappingProxyType({"systems": systems.declare})
"""Every layer that exists, lowest first."""
