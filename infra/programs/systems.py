"""Layers `systems-<pillar>`: for every system of the pillar its room, its connections, and what is delivered of it."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.components.database import Database, databases
from infra.components.exposure import SystemExposure, is_exposed
from infra.components.external_access import ExternalAccess, known
from infra.components.flows import Flows
from infra.components.observability import Observability, is_observed
from infra.components.proof_of_life import PROOF, ProofOfLife
from infra.components.system_namespace import SystemNamespace
from infra.components.workload import Workload
from province.fleet.connections import connections_at, departures_at
from province.fleet.fleet import Fleet
from province.fleet.system import System
from province.toolchain import pins


def declare(fleet: Fleet, cluster: Cluster, *, layer: str) -> None:
    """Declare every system of a layer: doors first, then what stands behind them."""
    connections = connections_at(fleet, cluster.site)
    departures = departures_at(fleet, cluster.site)
    for system in fleet.rooms_at(cluster.site, layer):
        room = SystemNamespace(system, fleet=fleet, cluster=cluster)
        doors: list[pulumi.Resource] = [Flows(connections, room=room, fleet=fleet)]
        if outside := known(departures, system):
            doors.append(ExternalAccess(outside, room=room, fleet=fleet))
        if is_exposed(system, fleet, cluster):
            SystemExposure(room=room, fleet=fleet)
        stores = databases(system, fleet.tiers[system.tier], cluster.site)
        for name in stores:
            Database(name, room=room, fleet=fleet, cluster=cluster)
        if is_observed(stores, cluster):
            Observability(stores, room=room, fleet=fleet)
        for name in delivered(system):
            proof = system.components[name].image == PROOF
            door = [ProofOfLife(name, room=room, fleet=fleet, cluster=cluster)] if proof else []
            Workload(name, room=room, fleet=fleet, cluster=cluster, after=[*doors, *door])


def delivered(system: System) -> tuple[str, ...]:
    """The components whose image this repository builds; the others wait for who delivers them."""
    ours = pins.load().images.tags
    return tuple(name for name, component in system.components.items() if component.image in ours)
