"""A component of a system that runs from an image: its pods, how they are found, and how they stay up."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.node_marks import HOST, ZONE
from infra.components.priority_classes import priority_class
from infra.components.runtime_class import RUNTIME
from infra.components.storage_classes import storage_class
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, PART_OF, marks_of
from infra.objects import Kind, Objects
from infra.quantity import KIBI, cpu, memory
from province.fleet.fleet import Fleet
from province.fleet.site import Provided
from province.fleet.system import HTTP_PORTS, Component, System
from province.toolchain import pins

NOBODY = 65532
"""The user that images without a base system run as, by their common convention."""

HTTP = "http"
OTHER = "service"
"""How the port of a workload is called, by whether it speaks HTTP."""

HEALTH = "/healthz"
"""Where a workload that speaks HTTP says that it can work."""

VOLUME = "data"
BUSY_PERCENT = 70
"""Of the processor time that a pod asked for: above it there are more pods, below it fewer."""


class Workload(pulumi.ComponentResource):
    """One component that is delivered as an image, with all that its pods need to be safe and to stay up.

    Pods have no right that they do not need (Pod Security Standards, profile restricted), cannot write to their own
    image, and cannot ask the API server. Several of them stand on different hosts and in different racks as far as
    there are some, and at most one is taken away at a time when hosts are tended. A component with storage keeps its
    volumes, one for each pod. Waits for `after`, so that no pod runs before its doors are there.
    """

    def __init__(
        self, name: str, *, room: SystemNamespace, fleet: Fleet, cluster: Cluster, after: list[pulumi.Resource]
    ) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:Workload", f"{system.id}/{name}", None, parent)
        component = system.components[name]
        objects = Objects(system.id, marks_of(system, fleet), self)
        mark = {COMPONENT: name}
        account = objects.make(Kind.SERVICE_ACCOUNT, name, {"automountServiceAccountToken": False}, labels=mark)
        kind = Kind.STATEFUL_SET if component.storage_at else Kind.DEPLOYMENT
        self.pods = objects.make(
            kind,
            name,
            {"spec": _maker(system, name, cluster)},
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=[account, *after]),
        )
        behind = pulumi.ResourceOptions(depends_on=[self.pods])
        if component.listens_on:
            objects.make(Kind.SERVICE, name, _service(system, name), labels=mark, options=behind)
        if component.replicas_at_peak > 1:
            objects.make(Kind.DISRUPTION_BUDGET, name, _budget(system, name), labels=mark)
        if _follows_load(component, cluster):
            objects.make(Kind.AUTOSCALER, name, _autoscaler(kind, name, component), labels=mark, options=behind)
        self.register_outputs({})


def selector(system: System, name: str) -> dict[str, str]:
    """The labels by which the pods of a component are known to services, policies and budgets."""
    return {PART_OF: system.id, COMPONENT: name}


def _follows_load(component: Component, cluster: Cluster) -> bool:
    return component.most_replicas is not None and cluster.offers(Provided.METRICS_SERVER)


def _maker(system: System, name: str, cluster: Cluster) -> dict[str, Any]:
    """What makes the pods. Where their number follows the load, it is the autoscaler's and not declared here."""
    component = system.components[name]
    labels = selector(system, name)
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": _pod(system, name, cluster.site.id)},
    }
    if not _follows_load(component, cluster):
        spec["replicas"] = component.replicas or 1
    if component.storage_at:
        spec |= {"serviceName": name, "volumeClaimTemplates": [_claim(system, component)]}
    return spec


def _pod(system: System, name: str, site: str) -> dict[str, Any]:
    pod: dict[str, Any] = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "priorityClassName": priority_class(system.tier),
        "runtimeClassName": RUNTIME,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NOBODY,
            "runAsGroup": NOBODY,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(system, name, site)],
    }
    if system.components[name].storage_at:
        pod["securityContext"]["fsGroup"] = NOBODY
    if system.components[name].replicas_at_peak > 1:
        pod["topologySpreadConstraints"] = [_spread(place, selector(system, name)) for place in (ZONE, HOST)]
    return pod


def _spread(place: str, labels: dict[str, str]) -> dict[str, Any]:
    """Evenly over racks and hosts; a pod that finds no better place runs all the same."""
    return {
        "maxSkew": 1,
        "topologyKey": place,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }


def _container(system: System, name: str, site: str) -> dict[str, Any]:
    component = system.components[name]
    pod_name = {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    container: dict[str, Any] = {
        "name": name,
        "image": pins.load().reference(str(component.image)),
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SYSTEM", "value": system.id}, {"name": "SITE", "value": site}, pod_name],
        "resources": _resources(component),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if component.listens_on:
        protocol = component.protocol.upper()
        container["ports"] = [
            {"name": port_name(component), "containerPort": component.listens_on, "protocol": protocol}
        ]
        if component.protocol == "tcp":
            container |= {"readinessProbe": _probe(component, 2), "livenessProbe": _probe(component, 10)}
    if component.storage_at:
        container["volumeMounts"] = [{"name": VOLUME, "mountPath": component.storage_at}]
    return container


def port_name(component: Component) -> str:
    """How the port of a component is called in its pods and its service."""
    return HTTP if component.listens_on in HTTP_PORTS else OTHER


def _probe(component: Component, period_s: int) -> dict[str, Any]:
    """What speaks HTTP is asked; of anything else it is known that it takes connections."""
    port = port_name(component)
    how: dict[str, Any] = {"httpGet": {"path": HEALTH, "port": port}} if port == HTTP else {"tcpSocket": {"port": port}}
    return {**how, "periodSeconds": period_s}


def _resources(component: Component) -> dict[str, Any]:
    """What the model says; what it leaves open is filled in by the room's limits."""
    said = {}
    if component.cpu_millicores:
        said["cpu"] = cpu(component.cpu_millicores)
    if component.memory_mib:
        said["memory"] = memory(component.memory_mib)
    return {"requests": said, "limits": said} if said else {}


def _claim(system: System, component: Component) -> dict[str, Any]:
    return {
        "metadata": {"name": VOLUME},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class(system),
            "resources": {"requests": {"storage": memory((component.storage_gib or 0) * KIBI)}},
        },
    }


def _service(system: System, name: str) -> dict[str, Any]:
    component = system.components[name]
    port = {
        "name": port_name(component),
        "port": component.listens_on,
        "targetPort": port_name(component),
        "protocol": component.protocol.upper(),
    }
    return {"spec": {"type": "ClusterIP", "selector": selector(system, name), "ports": [port]}}


def _budget(system: System, name: str) -> dict[str, Any]:
    return {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(system, name)}}}


def _autoscaler(kind: Kind, name: str, component: Component) -> dict[str, Any]:
    busy = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": BUSY_PERCENT}}
    return {
        "spec": {
            "scaleTargetRef": {"apiVersion": kind.api_version, "kind": kind.kind, "name": name},
            "minReplicas": component.replicas or 1,
            "maxReplicas": component.replicas_at_peak,
            "metrics": [{"type": "Resource", "resource": busy}],
        }
    }
