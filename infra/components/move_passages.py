"""The passages between a database of the new platform and the old host, for as long as changes flow."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.platform_pods import blocks, tcp
from infra.components.workload import selector
from infra.marks import vocabulary
from infra.moves import Moving, marks_of_move
from infra.objects import Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.old_sides import HostAndPort
from province.fleet.system import ComponentKind
from province.migration.declared import Way


class MovePassages(pulumi.ComponentResource):
    """A policy for each way that is open: from the system's database to the one old host and port, or back.

    Which ways those are, `province.migration.declared` says. A policy knows addresses and no names: as long as the
    environment names none for the old side, the way stays shut (`reached`).
    """

    def __init__(self, one: Moving, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:migration:MovePassages", f"{one.move.id}/passages", None, cluster.options)
        objects = Objects(one.room.id, marks_of_move(one, fleet), self)
        words = vocabulary(fleet)
        if old := reached(one, fleet):
            for name, way in passages(one):
                said = {words.key("why"): f"{one.move.id}: {way} while it may go as far as {one.wave.phase}"}
                body = _policy(one, name, way, old)
                objects.make(Kind.NETWORK_POLICY, name_of(one, name, way), body, annotations=said)
        self.register_outputs({})


def reached(one: Moving, fleet: Fleet) -> HostAndPort | None:
    """Where the new side finds the old database of a move; None while the environment gives no address."""
    sides = fleet.environment.old_databases.get(one.move.id)
    return sides.old_end if sides else None


def passages(one: Moving) -> list[tuple[str, Way]]:
    """Each database of the system with each way that is open between it and the old side."""
    databases = [name for name, part in one.room.components.items() if part.kind is ComponentKind.POSTGRESQL]
    return [(name, way) for name in databases for way in sorted(one.declared.ways)]


def name_of(one: Moving, database: str, way: Way) -> str:
    """The name of the policy for a way."""
    return f"{database}-{way}-{one.move.id}"


def _policy(one: Moving, database: str, way: Way, old: HostAndPort) -> dict[str, Any]:
    spec: dict[str, Any] = {"podSelector": {"matchLabels": selector(one.room, database)}}
    peers = blocks([f"{old.address}/{old.address.max_prefixlen}"])
    if way is Way.TO_OLD:
        return {"spec": {**spec, "policyTypes": ["Egress"], "egress": [{"to": peers, "ports": [tcp(old.port)]}]}}
    port = one.room.components[database].listens_on or 0
    return {"spec": {**spec, "policyTypes": ["Ingress"], "ingress": [{"from": peers, "ports": [tcp(port)]}]}}
