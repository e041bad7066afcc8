"""What makes network policies more than text in a cluster whose pods hang on a plain bridge."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.system import System

NAME = "engine"
BRIDGE = "cni0"
"""The device that the node's pods hang on; the role `dc_container_runtime` names it."""

HEALTH_PORT = 20244
WATCHED = [
    pods.allow("", ["namespaces", "pods"], "list", "watch"),
    pods.allow("networking.k8s.io", ["networkpolicies"], "list", "watch"),
]


class NetworkPolicyEngine(pulumi.ComponentResource):
    """One pod on every node that keeps the node's packet filter in step with the cluster's policies.

    It may read what policies are about and change the filter of its node, nothing else. The filter stays when the
    pod goes; a node on which it never ran passes no new connection of any pod (`templates/common/firewall`).
    """

    def __init__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> None:  # noqa: ARG002 - every part's software is declared in the same way
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:NetworkPolicyEngine", part.id, None, parent)
        inside = Objects(part.id, marks_of(part, fleet), self)
        wide = Objects(CLUSTER_WIDE, marks_of(part, fleet), self)
        first = [
            inside.make(Kind.SERVICE_ACCOUNT, NAME, {"automountServiceAccountToken": False}),
            wide.make(Kind.CLUSTER_ROLE, part.id, {"rules": WATCHED}),
            wide.make(Kind.CLUSTER_ROLE_BINDING, part.id, pods.bound(part, NAME, part.id)),
        ]
        inside.make(
            Kind.DAEMON_SET,
            NAME,
            _daemon_set(part),
            labels={COMPONENT: NAME},
            options=pulumi.ResourceOptions(depends_on=first),
        )
        self.register_outputs({})


def _daemon_set(part: System) -> dict[str, Any]:
    labels = pods.selector(part, NAME)
    pod = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        # Also on nodes that are not ready or take no other work: their pods are guarded all the same.
        "tolerations": [{"operator": "Exists"}],
        "terminationGracePeriodSeconds": 5,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [_container(part)],
    }
    return {
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    }


def _container(part: System) -> dict[str, Any]:
    component = part.components[NAME]
    return {
        "name": NAME,
        **pods.image(component),
        "args": [f"--bridge={BRIDGE}", f"--listen=127.0.0.1:{HEALTH_PORT}"],
        "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
        "livenessProbe": _probe("/healthz", period_s=30),
        "readinessProbe": _probe("/readyz", period_s=2),
        **pods.resources(component),
        # `nft` asks for root; of root's rights it has the one to change the packet filter.
        "securityContext": {
            **pods.NO_RIGHTS,
            "runAsUser": 0,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        },
    }


def _probe(path: str, period_s: int) -> dict[str, Any]:
    return {"httpGet": {"host": "127.0.0.1", "port": HEALTH_PORT, "path": path}, "periodSeconds": period_s}
