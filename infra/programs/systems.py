"""Layer `systems`: a room for every system that is placed at the site, and proof that it can be lived in."""

from __future__ import annotations

from infra.cluster import Cluster
from infra.components.proof_of_life import ProofOfLife
from infra.components.system_namespace import SystemNamespace
from province.fleet.fleet import Fleet
from province.fleet.system import System
from province.toolchain import pins


def declare(fleet: Fleet, cluster: Cluster) -> None:
    """Declare every system with a room at the cluster's site, with the components whose image we build."""
    for system in fleet.systems_at(cluster.site):
        room = SystemNamespace(system, fleet=fleet, cluster=cluster)
        for component in delivered(system):
            ProofOfLife(system, component, room=room, fleet=fleet, cluster=cluster)


def delivered(system: System) -> tuple[str, ...]:
    """The components whose image this repository builds; the others wait for who delivers them."""
    ours = pins.load().images.tags
    return tuple(name for name, component in system.components.items() if component.image in ours)
