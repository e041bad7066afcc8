"""What builds, watches and fails over the systems' databases: the operator CloudNativePG."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.database import IMAGE, OF_DATABASE, STATUS_PORT
from infra.components.proof_of_life import control_planes
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.requests import pair_at
from province.fleet.system import System
from province.toolchain import pins

NAME = "operator"
GROUP = "postgresql.cnpg.io"
VERSION = "v1"
WEBHOOK_PORT = 9443

# The operator looks for these by name; they are said nowhere but in its source (internal/cmd/manager/controller).
WEBHOOK_SERVICE = "cnpg-webhook-service"
WEBHOOK_CERTIFICATE = "cnpg-webhook-cert"
OF_ITSELF = {"app.kubernetes.io/name": "cloudnative-pg"}

COMPLETED = {"backup": "backups", "cluster": "clusters", "database": "databases", "scheduledbackup": "scheduledbackups"}
"""Kinds whose objects the operator completes before they are stored, with their plurals."""
JUDGED = {**COMPLETED, "pooler": "poolers"}
"""Kinds whose objects it may refuse."""


class DatabaseOperator(pulumi.ComponentResource):
    """One operator for all databases of a cluster, each of which stands in its system's room.

    It makes pods, volumes, passwords and certificates in those rooms, so it may read and write secrets everywhere: the
    only program of the platform that may. It is called by the API servers alone, and calls them and the status port of
    databases. While it is away, databases run on, nobody fails them over, and none can be declared or changed.
    """

    def __init__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> None:
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:DatabaseOperator", part.id, None, parent)
        labels = pods.selector(part, NAME)
        mark = {COMPONENT: NAME}
        inside = Objects(part.id, marks_of(part, fleet), self)
        wide = Objects(CLUSTER_WIDE, marks_of(part, fleet), self)
        hooks = [
            wide.make(Kind.COMPLETING_HOOKS, "cnpg-mutating-webhook-configuration", _hooks(part, "mutate", COMPLETED)),
            wide.make(Kind.JUDGING_HOOKS, "cnpg-validating-webhook-configuration", _hooks(part, "validate", JUDGED)),
        ]
        first = [
            inside.make(Kind.NETWORK_POLICY, NAME, _door(labels, control_planes(fleet, cluster))),
            inside.make(Kind.SERVICE_ACCOUNT, NAME, {"automountServiceAccountToken": False}),
            wide.make(Kind.CLUSTER_ROLE, part.id, {"rules": RIGHTS}),
            wide.make(Kind.CLUSTER_ROLE_BINDING, part.id, pods.bound(part, NAME, part.id)),
            *hooks,
        ]
        count = pair_at(fleet, cluster.site)
        if count > 1:
            budget = {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}
            inside.make(Kind.DISRUPTION_BUDGET, NAME, budget, labels=mark)
        operator = inside.make(
            Kind.DEPLOYMENT,
            NAME,
            pods.deployment(labels, count, _pod(part)),
            labels={**mark, **OF_ITSELF},
            options=pulumi.ResourceOptions(depends_on=first),
        )
        inside.make(
            Kind.SERVICE,
            WEBHOOK_SERVICE,
            {"spec": {"type": "ClusterIP", "selector": labels, "ports": [{"port": 443, "targetPort": WEBHOOK_PORT}]}},
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=[operator]),
        )
        self.register_outputs({})


ALL = ("create", "delete", "get", "list", "patch", "update", "watch")
LOOK = ("get", "list", "watch")
STATUS = ("get", "patch", "update", "watch")

RIGHTS = [
    pods.allow("", ["configmaps", "secrets", "services"], *ALL),
    pods.allow("", ["configmaps/status", "secrets/status"], "get", "patch", "update"),
    pods.allow("", ["events"], "create", "patch"),
    pods.allow("", ["nodes"], *LOOK),
    pods.allow(
        "", ["persistentvolumeclaims", "pods", "pods/exec"], "create", "delete", "get", "list", "patch", "watch"
    ),
    pods.allow("", ["pods/status"], "get"),
    pods.allow("", ["serviceaccounts"], "create", "patch", "update", *LOOK),
    pods.allow(
        "admissionregistration.k8s.io",
        ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
        "get",
        "patch",
    ),
    pods.allow("apps", ["deployments"], *ALL),
    pods.allow("batch", ["jobs"], "create", "delete", "patch", *LOOK),
    pods.allow("coordination.k8s.io", ["leases"], "create", "get", "update"),
    pods.allow("policy", ["poddisruptionbudgets"], *ALL),
    pods.allow(
        "rbac.authorization.k8s.io", ["rolebindings", "roles"], "create", "get", "list", "patch", "update", "watch"
    ),
    pods.allow(GROUP, [*JUDGED.values(), "publications", "subscriptions"], *ALL),
    pods.allow(
        GROUP,
        [f"{one}/status" for one in ("backups", "databases", "publications", "scheduledbackups", "subscriptions")],
        "get",
        "patch",
        "update",
    ),
    pods.allow(GROUP, [f"{one}/status" for one in ("clusters", "failoverquorums", "poolers")], *STATUS),
    pods.allow(GROUP, ["clusters/finalizers", "poolers/finalizers"], "update"),
    pods.allow(GROUP, ["clusterimagecatalogs", "imagecatalogs"], *LOOK),
    pods.allow(GROUP, ["failoverquorums"], "create", "delete", *LOOK),
]
"""What the release asks for (its releases/cnpg-1.27.0.yaml), without kinds that no cluster of ours has."""


def _door(labels: dict[str, str], planes: list[str]) -> dict[str, Any]:
    """API servers call it and are called; every database is asked how it is."""
    door = pods.door(labels, callers=planes, listens=WEBHOOK_PORT, called=((planes, pods.API_SERVER_PORT),))
    databases = {"matchExpressions": [{"key": OF_DATABASE, "operator": "Exists"}]}
    everywhere = {"namespaceSelector": {}, "podSelector": databases}
    door["spec"]["egress"].append({"to": [everywhere], "ports": [pods.tcp(STATUS_PORT)]})
    return door


def _hooks(part: System, verb: str, kinds: dict[str, str]) -> dict[str, Any]:
    """What the API server asks before it stores an object; whom it believes (`caBundle`) the operator itself adds."""
    return {
        "webhooks": [
            {
                "name": f"{verb[0]}{kind}.cnpg.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {
                    "service": {
                        "namespace": part.id,
                        "name": WEBHOOK_SERVICE,
                        "path": f"/{verb}-{GROUP.replace('.', '-')}-{VERSION}-{kind}",
                    }
                },
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "rules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [plural],
                    }
                ],
            }
            for kind, plural in kinds.items()
        ]
    }


def _pod(part: System) -> dict[str, Any]:
    component = part.components[NAME]
    image = pods.image(component)
    probe = {"httpGet": {"scheme": "HTTPS", "port": "https", "path": "/readyz"}}
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "terminationGracePeriodSeconds": 10,
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "certificate", "secret": {"secretName": WEBHOOK_CERTIFICATE, "optional": True}},
        ],
        "containers": [
            {
                "name": NAME,
                **image,
                "args": ["controller", "--leader-elect", f"--webhook-port={WEBHOOK_PORT}"],
                "env": [
                    {"name": "OPERATOR_NAMESPACE", "value": part.id},
                    # What it brings into the pods of databases, and what runs there when none is named: ours.
                    {"name": "OPERATOR_IMAGE_NAME", "value": image["image"]},
                    {"name": "POSTGRES_IMAGE_NAME", "value": pins.load().reference(IMAGE)},
                ],
                "ports": [{"name": "https", "containerPort": WEBHOOK_PORT}],
                "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 120},
                "readinessProbe": {**probe, "periodSeconds": 2},
                "livenessProbe": {**probe, "periodSeconds": 10},
                **pods.resources(component),
                "securityContext": pods.NO_RIGHTS,
                "volumeMounts": [
                    {"name": "scratch", "mountPath": "/controller"},
                    {"name": "certificate", "mountPath": "/run/secrets/cnpg.io/webhook"},
                ],
            }
        ],
    }
