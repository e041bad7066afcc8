"""The declared connections of one room, each opened by exactly the policies that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pulumi

from infra.components.system_namespace import NAMESPACE_OF_A_NAME, SystemNamespace
from infra.marks import COMPONENT, PART_OF, marks_of, vocabulary
from infra.objects import Kind, Objects
from province.fleet.connections import Connection, Pods
from province.fleet.fleet import Fleet


class Flows(pulumi.ComponentResource):
    """Two policies for each declared connection: one lets its opener send, one lets its target receive.

    Each stands in the room of its own end, so a connection between two systems is opened by both their stacks, and
    closed as soon as one of them takes its half away. Nothing else is opened; answers come back by themselves.
    """

    def __init__(self, connections: Iterable[Connection], *, room: SystemNamespace, fleet: Fleet) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:Flows", f"{system.id}/flows", None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        words = vocabulary(fleet)
        for one in connections:
            said = {words.key("why"): one.why, words.key("flow-declared-in"): one.declared_in}
            if one.origin.room == system.id:
                objects.make(Kind.NETWORK_POLICY, sending(one), _sends(one), annotations=said)
            if one.target.room == system.id:
                objects.make(Kind.NETWORK_POLICY, receiving(one), _receives(one), annotations=said)
        self.register_outputs({})


def sending(one: Connection) -> str:
    """The name of the policy in the opener's room."""
    return f"{one.origin.component or 'all'}-to-{_seen_from(one.target, one.origin.room)}"


def receiving(one: Connection) -> str:
    """The name of the policy in the target's room."""
    return f"{one.target.component or 'all'}-from-{_seen_from(one.origin, one.target.room)}"


def _seen_from(pods: Pods, room: str) -> str:
    component = pods.component or "all"
    return component if pods.room == room else f"{pods.room}-{component}"


def _sends(one: Connection) -> dict[str, Any]:
    way = {"to": [_peer(one.target)], "ports": _ports(one)}
    return {"spec": {"podSelector": _pods(one.origin), "policyTypes": ["Egress"], "egress": [way]}}


def _receives(one: Connection) -> dict[str, Any]:
    way = {"from": [_peer(one.origin)], "ports": _ports(one)}
    return {"spec": {"podSelector": _pods(one.target), "policyTypes": ["Ingress"], "ingress": [way]}}


def _pods(pods: Pods) -> dict[str, Any]:
    return {"matchLabels": {PART_OF: pods.room, COMPONENT: pods.component}} if pods.component else {}


def _peer(pods: Pods) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {NAMESPACE_OF_A_NAME: pods.room}}, "podSelector": _pods(pods)}


def _ports(one: Connection) -> list[dict[str, Any]]:
    return [{"protocol": one.protocol.upper(), "port": one.port}]
