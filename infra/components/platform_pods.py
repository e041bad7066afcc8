"""How the pods of the platform's own programs look, where they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra.marks import COMPONENT, PART_OF
from infra.quantity import cpu, memory
from province.fleet.hosts import Host
from province.fleet.system import Component, System
from province.toolchain import pins

NOBODY = 65532
API_SERVER_PORT = 6443
CRITICAL = "system-cluster-critical"
"""The class of pods without which a cluster is not whole; Kubernetes brings it."""

NO_RIGHTS = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

AS_NOBODY = {
    "runAsNonRoot": True,
    "runAsUser": NOBODY,
    "runAsGroup": NOBODY,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def selector(part: System, name: str) -> dict[str, str]:
    """The labels by which the pods of one program of a part are known."""
    return {PART_OF: part.id, COMPONENT: name}


def addresses(hosts: Sequence[Host]) -> list[str]:
    """Every address of some hosts, each as a network of one."""
    return sorted(
        f"{address}/{address.max_prefixlen}"
        for host in hosts
        for interface in host.interfaces
        for address in interface.address.plain
    )


def image(component: Component) -> dict[str, str]:
    """What a container of this component runs."""
    return {"image": pins.load().reference(str(component.image)), "imagePullPolicy": "IfNotPresent"}


def resources(component: Component) -> dict[str, Any]:
    """What the model says that the component gets, neither less nor more."""
    said = {}
    if component.cpu_millicores:
        said["cpu"] = cpu(component.cpu_millicores)
    if component.memory_mib:
        said["memory"] = memory(component.memory_mib)
    return {"resources": {"requests": said, "limits": said}}


def deployment(labels: dict[str, str], count: int, pod: dict[str, Any]) -> dict[str, Any]:
    """A deployment of pods that stand on different nodes as far as there are some."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    spec = {"securityContext": AS_NOBODY, "priorityClassName": CRITICAL, "topologySpreadConstraints": [spread], **pod}
    return {
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        }
    }


def door(
    labels: dict[str, str],
    *,
    callers: Sequence[str] = (),
    listens: int | None = None,
    called: Sequence[tuple[Sequence[str], int]] = (),
) -> dict[str, Any]:
    """A network policy: who may call the pods, and whom they may call, by addresses and TCP port."""
    spec: dict[str, Any] = {"podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"]}
    spec["egress"] = [{"to": blocks(others), "ports": [tcp(port)]} for others, port in called]
    if listens is not None:
        spec["policyTypes"] = ["Ingress", "Egress"]
        spec["ingress"] = [{"from": blocks(callers), "ports": [tcp(listens)]}]
    return {"spec": spec}


def blocks(networks: Sequence[str]) -> list[dict[str, Any]]:
    """Addresses as the peers of a network policy."""
    return [{"ipBlock": {"cidr": address}} for address in networks]


def tcp(port: int) -> dict[str, Any]:
    """A TCP port of a network policy."""
    return {"protocol": "TCP", "port": port}


def bound(part: System, account: str, role: str, kind: str = "ClusterRole") -> dict[str, Any]:
    """What gives an account of a part's room the rights of a role."""
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": part.id}],
    }


def allow(group: str, resources: Sequence[str], *verbs: str) -> dict[str, Any]:
    """One rule of a role."""
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
