"""How busy nodes and pods are: what `kubectl top` shows and autoscalers follow."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.proof_of_life import control_planes
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import CLUSTER_WIDE, KUBE_SYSTEM, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.requests import nodes_at, pair_at
from province.fleet.system import System

NAME = "server"
GROUP = "metrics.k8s.io"
VERSION = "v1beta1"
PORT = 10250
KUBELET_PORT = 10250
RESOLUTION = "15s"
CLUSTER_CA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
"""What signs the kubelets' serving certificates (kubelet: serverTLSBootstrap); every pod has it beside its token."""


class MetricsServer(pulumi.ComponentResource):
    """The metrics API: a server that asks every kubelet and is asked through the API server.

    It trusts kubelets by the cluster's own authority. The API server does not check the certificate that it makes for
    itself at every start: only the control planes can reach it, and what it tells is how busy pods are.
    """

    def __init__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> None:
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:MetricsServer", part.id, None, parent)
        labels = pods.selector(part, NAME)
        mark = {COMPONENT: NAME}
        planes = control_planes(fleet, cluster)
        inside = Objects(part.id, marks_of(part, fleet), self)
        called = ((planes, pods.API_SERVER_PORT), (pods.addresses(nodes_at(fleet, cluster.site)), KUBELET_PORT))
        first = [
            inside.make(Kind.NETWORK_POLICY, NAME, pods.door(labels, callers=planes, listens=PORT, called=called)),
            inside.make(Kind.SERVICE_ACCOUNT, NAME, {"automountServiceAccountToken": False}),
            *self._rights(part, fleet),
        ]
        count = pair_at(fleet, cluster.site)
        if count > 1:
            budget = {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels}}}
            inside.make(Kind.DISRUPTION_BUDGET, NAME, budget, labels=mark)
        server = inside.make(
            Kind.DEPLOYMENT,
            NAME,
            pods.deployment(labels, count, _pod(part)),
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=first),
        )
        service = inside.make(
            Kind.SERVICE,
            NAME,
            {"spec": {"type": "ClusterIP", "selector": labels, "ports": [{"port": 443, "targetPort": PORT}]}},
            labels=mark,
            options=pulumi.ResourceOptions(depends_on=[server]),
        )
        Objects(CLUSTER_WIDE, marks_of(part, fleet), self).make(
            Kind.API_SERVICE,
            f"{VERSION}.{GROUP}",
            _api_service(part),
            options=pulumi.ResourceOptions(depends_on=[service]),
        )
        self.register_outputs({})

    def _rights(self, part: System, fleet: Fleet) -> list[pulumi.Resource]:
        """To ask kubelets, to have callers checked by the API server; and for owners of rooms, to read the answers."""
        wide = Objects(CLUSTER_WIDE, marks_of(part, fleet), self)
        everybody = {f"rbac.authorization.k8s.io/aggregate-to-{who}": "true" for who in ("view", "edit", "admin")}
        asks = [
            pods.allow("", ["nodes/metrics"], "get"),
            pods.allow("", ["nodes", "pods"], "get", "list", "watch"),
        ]
        reads = [pods.allow(GROUP, ["nodes", "pods"], "get", "list", "watch")]
        return [
            wide.make(Kind.CLUSTER_ROLE, part.id, {"rules": asks}),
            wide.make(Kind.CLUSTER_ROLE_BINDING, part.id, pods.bound(part, NAME, part.id)),
            wide.make(Kind.CLUSTER_ROLE, f"{part.id}-reader", {"rules": reads}, labels=everybody),
            wide.make(Kind.CLUSTER_ROLE_BINDING, f"{part.id}-callers", pods.bound(part, NAME, "system:auth-delegator")),
            Objects(KUBE_SYSTEM, marks_of(part, fleet), self).make(
                Kind.ROLE_BINDING,
                f"{part.id}-callers",
                pods.bound(part, NAME, "extension-apiserver-authentication-reader", "Role"),
            ),
        ]


def _api_service(part: System) -> dict[str, Any]:
    return {
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"namespace": part.id, "name": NAME, "port": 443},
        }
    }


def _pod(part: System) -> dict[str, Any]:
    component = part.components[NAME]
    return {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        "volumes": [{"name": "certificate", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}],
        "containers": [
            {
                "name": NAME,
                **pods.image(component),
                "args": [
                    "--cert-dir=/certificate",
                    f"--secure-port={PORT}",
                    "--kubelet-preferred-address-types=InternalIP",
                    f"--kubelet-certificate-authority={CLUSTER_CA}",
                    "--kubelet-use-node-status-port",
                    f"--metric-resolution={RESOLUTION}",
                ],
                "ports": [{"name": "https", "containerPort": PORT}],
                "readinessProbe": _probe("/readyz", period_s=2),
                "livenessProbe": _probe("/livez", period_s=10),
                **pods.resources(component),
                "securityContext": pods.NO_RIGHTS,
                "volumeMounts": [{"name": "certificate", "mountPath": "/certificate"}],
            }
        ],
    }


def _probe(path: str, period_s: int) -> dict[str, Any]:
    return {"httpGet": {"scheme": "HTTPS", "port": "https", "path": path}, "periodSeconds": period_s}
