"""What the owner of a system may do in its rooms."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet

OWNER_ROLE = "system-owner"

RBAC_API = "rbac.authorization.k8s.io"

SEEN = {
    "": [
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ],
    "apps": ["daemonsets", "deployments", "replicasets", "statefulsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "events.k8s.io": ["events"],
    "metrics.k8s.io": ["pods"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
    "postgresql.cnpg.io": ["backups", "clusters", "scheduledbackups"],
}
"""By API group: what an owner may look at. Secrets are not among it, nor a shell in a pod."""


def owner_group(fleet: Fleet, owner: str) -> str:
    """The group whose members act for an owner: its id, behind what the cluster puts before every such name."""
    provider = fleet.environment.identity_provider
    return f"{provider.prefix if provider else ''}{fleet.owners[owner].id}"


def owner_binding(fleet: Fleet, owner: str) -> dict[str, object]:
    """What gives an owner the role in one namespace."""
    return {
        "roleRef": {"apiGroup": RBAC_API, "kind": "ClusterRole", "name": OWNER_ROLE},
        "subjects": [{"apiGroup": RBAC_API, "kind": "Group", "name": owner_group(fleet, owner)}],
    }


class OwnerRole(pulumi.ComponentResource):
    """An owner sees what its systems do and may restart a pod; what they are is changed in the model alone.

    Rights are given as little as the work needs (TCVN 14423:2026, 5.6): nobody but the cluster reads secrets.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:OwnerRole", OWNER_ROLE, None, cluster.options)
        look = [
            {"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]}
            for group, resources in SEEN.items()
        ]
        restart = {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]}
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, f"sites/{cluster.site.id}"), self)
        objects.make(Kind.CLUSTER_ROLE, OWNER_ROLE, {"rules": [*look, restart]})
        self.register_outputs({})
