"""A pod that answers with who it is: the proof that a system's room can be lived in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, PART_OF, marks_of
from infra.objects import Kind, Objects
from infra.quantity import cpu, memory
from province.fleet.fleet import Fleet
from province.fleet.site import HostRole
from province.fleet.system import Component, System
from province.toolchain import pins

NOBODY = 65532
"""The user that images without a base system run as, by their common convention."""

PORT_NAME = "http"


class ProofOfLife(pulumi.ComponentResource):
    """One component whose image we build ourselves: its pods, its Service, and the one door they need.

    Only the site's control planes may come in: through them `kubectl` and the tests ask the Service. What other
    systems may do is said by flows, and this component has none.
    """

    def __init__(
        self, system: System, component: str, *, room: SystemNamespace, fleet: Fleet, cluster: Cluster
    ) -> None:
        parent = pulumi.ResourceOptions(parent=room.namespace)
        name = f"{system.id}/{component}"
        super().__init__("province:systems:ProofOfLife", name, None, parent)
        objects = Objects(system.id, marks_of(system, fleet), self)
        selector = {PART_OF: system.id, COMPONENT: component}
        declared = system.components[component]
        environment = {"SYSTEM": system.id, "SITE": cluster.site.id}
        door = objects.make(
            Kind.NETWORK_POLICY,
            component,
            _door(selector, declared, _control_planes(fleet, cluster)),
            labels={COMPONENT: component},
        )
        pods = objects.make(
            Kind.DEPLOYMENT,
            component,
            _deployment(component, declared, selector, environment),
            labels={COMPONENT: component},
            options=pulumi.ResourceOptions(depends_on=[door]),
        )
        objects.make(
            Kind.SERVICE,
            component,
            _service(selector, declared),
            labels={COMPONENT: component},
            options=pulumi.ResourceOptions(depends_on=[pods]),
        )
        self.register_outputs({})


def _control_planes(fleet: Fleet, cluster: Cluster) -> list[str]:
    """The addresses from which the site's API servers open connections, each as a network of one."""
    found = []
    for host in fleet.hosts_of(cluster.site.id):
        if host.host_class == HostRole.CONTROL_PLANE.value:
            for interface in host.interfaces:
                found += [f"{address}/{address.max_prefixlen}" for address in interface.address.plain]
    return sorted(found)


def _door(selector: dict[str, str], component: Component, callers: Iterable[str]) -> dict[str, Any]:
    return {
        "spec": {
            "podSelector": {"matchLabels": selector},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"ipBlock": {"cidr": caller}} for caller in callers],
                    "ports": [{"protocol": "TCP", "port": component.listens_on}],
                }
            ],
        }
    }


def _deployment(
    name: str, component: Component, selector: dict[str, str], environment: dict[str, str]
) -> dict[str, Any]:
    pod_name = {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container = {
        "name": name,
        "image": pins.load().reference(str(component.image)),
        "imagePullPolicy": "IfNotPresent",
        "env": [*({"name": key, "value": value} for key, value in environment.items()), pod_name],
        "ports": [{"name": PORT_NAME, "containerPort": component.listens_on}],
        "readinessProbe": _probe(period_s=2),
        "livenessProbe": _probe(period_s=10),
        "resources": _resources(component),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "spec": {
            "replicas": component.replicas or 1,
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": selector},
                "spec": {
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": NOBODY,
                        "runAsGroup": NOBODY,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        }
    }


def _probe(period_s: int) -> dict[str, Any]:
    return {"httpGet": {"path": "/healthz", "port": PORT_NAME}, "periodSeconds": period_s}


def _resources(component: Component) -> dict[str, Any]:
    """What the model says; what it leaves open is filled in by the room's limits."""
    said = {}
    if component.cpu_millicores:
        said["cpu"] = cpu(component.cpu_millicores)
    if component.memory_mib:
        said["memory"] = memory(component.memory_mib)
    return {"requests": said, "limits": said} if said else {}


def _service(selector: dict[str, str], component: Component) -> dict[str, Any]:
    return {
        "spec": {
            "type": "ClusterIP",
            "selector": selector,
            "ports": [{"name": PORT_NAME, "protocol": "TCP", "port": component.listens_on, "targetPort": PORT_NAME}],
        }
    }
