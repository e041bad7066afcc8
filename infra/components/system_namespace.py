"""The room of one system in one cluster."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.components.storage_classes import storage_class
from infra.components.system_access import owner_binding
from infra.marks import marks_of, vocabulary
from infra.objects import Kind, Objects
from infra.quantity import KIBI, MILLI, cpu, memory
from province.fleet.fleet import Fleet
from province.fleet.system import System
from province.fleet.tier import ContainerLimits, Quota

POD_SECURITY = tuple(f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "warn", "audit"))
"""Labels by which the API server refuses pods with more rights, and warns and writes down alike (Pod Security)."""

NAMESPACE_OF_A_NAME = "kubernetes.io/metadata.name"
"""The label that the API server itself gives every namespace."""

DNS_PORT = 53


class SystemNamespace(pulumi.ComponentResource):
    """The room of one system: its namespace, what it may use, its owner's access, and doors that are shut.

    Only name resolution is open to every pod. The account that pods get when they name none can ask the API server
    nothing. A system of level 3 and above is kept apart in namespace, network and storage (Decree 331/2026,
    Art. 30.8): the label `storage-class` says which class of volumes is its own.

    The namespace outlives its declaration: it is protected and, once unprotected, retained, because everything
    that the system has ever stored goes with it. So does the policy that shuts its doors: what is left is closed.
    """

    def __init__(self, system: System, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:systems:SystemNamespace", system.id, None, cluster.options)
        self.system = system
        marks = marks_of(system, fleet)
        tier = fleet.tiers[system.tier]
        first = Objects(system.id, marks, self)
        self.namespace = first.make(
            Kind.NAMESPACE,
            system.id,
            {},
            labels={
                **dict.fromkeys(POD_SECURITY, system.pod_security.value),
                vocabulary(fleet).key("storage-class"): storage_class(system),
            },
            options=pulumi.ResourceOptions(protect=True, retain_on_delete=True),
        )
        inside = Objects(system.id, marks, self.namespace)
        inside.make(Kind.RESOURCE_QUOTA, "system", _quota(system.quota_in(fleet.tiers)))
        inside.make(Kind.LIMIT_RANGE, "containers", _limits(tier.containers))
        inside.make(
            Kind.NETWORK_POLICY, "default-deny", DEFAULT_DENY, options=pulumi.ResourceOptions(retain_on_delete=True)
        )
        inside.make(Kind.NETWORK_POLICY, "name-resolution", NAME_RESOLUTION)
        inside.make(Kind.SERVICE_ACCOUNT, "default", {"automountServiceAccountToken": False})
        inside.make(Kind.ROLE_BINDING, "owner", owner_binding(fleet, system.owner))
        self.register_outputs({})


def _quota(quota: Quota) -> dict[str, object]:
    """Requests and limits have one ceiling, so a system never promises itself what it may not use."""
    return {
        "spec": {
            "hard": {
                "requests.cpu": cpu(quota.cpu_cores * MILLI),
                "limits.cpu": cpu(quota.cpu_cores * MILLI),
                "requests.memory": memory(quota.memory_gib * KIBI),
                "limits.memory": memory(quota.memory_gib * KIBI),
                "requests.storage": memory(quota.storage_gib * KIBI),
                "pods": str(quota.pods),
            }
        }
    }


def _limits(containers: ContainerLimits) -> dict[str, object]:
    usual = {
        "cpu": cpu(containers.default_cpu_millicores),
        "memory": memory(containers.default_memory_mib),
        SCRATCH: memory(containers.default_scratch_mib),
    }
    most = {
        "cpu": cpu(containers.max_cpu_millicores),
        "memory": memory(containers.max_memory_mib),
        SCRATCH: memory(containers.max_scratch_mib),
    }
    return {"spec": {"limits": [{"type": "Container", "default": usual, "defaultRequest": usual, "max": most}]}}


SCRATCH = "ephemeral-storage"
"""What a container writes on its node's disk beside its volumes, as Kubernetes calls it."""

DEFAULT_DENY = {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}

NAME_RESOLUTION = {
    "spec": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {NAMESPACE_OF_A_NAME: "kube-system"}},
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")],
            }
        ],
    }
}
