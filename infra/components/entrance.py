"""Where users come into a cluster: the controller of the Ingresses, once for each network that users come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components import platform_pods as pods
from infra.components.node_marks import ROLE
from infra.components.proof_of_life import control_planes
from infra.components.system_namespace import SystemNamespace
from infra.marks import COMPONENT, marks_of
from infra.objects import CLUSTER_WIDE, Kind, Objects
from infra.quantity import cpu, memory
from province.fleet.exposed import DOORS, GUARDED, SERVES, Doors, entrance_class, exposed_at
from province.fleet.fleet import Fleet
from province.fleet.site import Duty
from province.fleet.system import Component, Exposure, System

HTTPS_PORT = 8443
HTTP_PORT = 8080
FIGURES_PORT = 9090
HEALTH_PORT = 8081
"""Where the pods listen; at their hosts all but the last are found at the ports of `province.fleet.exposed.DOORS`."""

BURST = 10
"""How many times the processor time that it has for itself an entrance may take while nobody else wants it."""

BODIES = "/bodies"
EVERYBODY = ("0.0.0.0/0", "::/0")


class Entrance(pulumi.ComponentResource):
    """The entrances of a site: on every host of the class that users are sent to, one pod for each network.

    The two do not trust each other. Each has an account of its own, which reads Ingresses, services, and of all
    secrets those with the keys of the names that it answers for; so what the Internet comes to cannot show the names
    of the specialised network, even when somebody has broken into it.

    A pod has no right on its host but the ports there; that alone is more than the profile `restricted` allows.
    """

    def __init__(self, room: SystemNamespace, *, fleet: Fleet, cluster: Cluster) -> None:
        part = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:platform:Entrance", part.id, None, parent)
        inside = Objects(part.id, marks_of(part, fleet), self)
        for exposure, doors in DOORS.items():
            mark = {COMPONENT: exposure.value}
            first = [
                inside.make(Kind.NETWORK_POLICY, exposure.value, _door(part, exposure, fleet, cluster), labels=mark),
                inside.make(Kind.SERVICE_ACCOUNT, exposure.value, {"automountServiceAccountToken": False}, labels=mark),
                *self._rights(part, exposure, fleet, cluster),
            ]
            inside.make(
                Kind.DAEMON_SET,
                exposure.value,
                _daemon_set(part, exposure, doors, entrance_class(fleet, cluster.site)),
                labels=mark,
                options=pulumi.ResourceOptions(depends_on=first),
            )
        self.register_outputs({})

    def _rights(self, part: System, exposure: Exposure, fleet: Fleet, cluster: Cluster) -> list[pulumi.CustomResource]:
        wide = Objects(CLUSTER_WIDE, marks_of(part, fleet), self)
        name = f"{part.id}-{exposure.value}"
        keys = {one.secret for one in exposed_at(fleet, cluster.site) if one.exposure in SERVES[exposure]}
        rules = [
            pods.allow("networking.k8s.io", ["ingresses"], "list", "watch"),
            pods.allow("", ["services"], "list", "watch"),
            {**pods.allow("", ["secrets"], "list", "watch"), "resourceNames": sorted(keys)},
        ]
        return [
            wide.make(Kind.CLUSTER_ROLE, name, {"rules": rules}),
            wide.make(Kind.CLUSTER_ROLE_BINDING, name, pods.bound(part, exposure.value, name)),
        ]


def _door(part: System, exposure: Exposure, fleet: Fleet, cluster: Cluster) -> dict[str, Any]:
    """Users of its network may come, to its two ports, and watchers of the site to its figures.

    It may call the API server, and else what flows say.
    """
    watchers = [host for host in fleet.hosts_of(cluster.site.id) if Duty.MONITORING in host.duties]
    figures = {"from": pods.blocks(pods.addresses(watchers)), "ports": [pods.tcp(FIGURES_PORT)]}
    ports = [pods.tcp(HTTPS_PORT), pods.tcp(HTTP_PORT)]
    return {
        "spec": {
            "podSelector": {"matchLabels": pods.selector(part, exposure.value)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {"from": pods.blocks(_users(exposure, fleet)), "ports": ports},
                *([figures] if watchers else []),
            ],
            "egress": [
                {"to": pods.blocks(control_planes(fleet, cluster)), "ports": [pods.tcp(pods.API_SERVER_PORT)]},
            ],
        }
    }


def _users(exposure: Exposure, fleet: Fleet) -> Sequence[str]:
    """The addresses that users have: those of the communes and of the sites, or anybody's."""
    if exposure is Exposure.INTERNET:
        return EVERYBODY
    plan = fleet.province.addressing
    pairs = (*plan.bodies.values(), plan.sites)
    return [str(network) for pair in pairs for network in (pair.ipv4, pair.ipv6)]


def _daemon_set(part: System, exposure: Exposure, doors: Doors, host_class: str | None) -> dict[str, Any]:
    labels = pods.selector(part, exposure.value)
    pod = {
        "serviceAccountName": exposure.value,
        "automountServiceAccountToken": True,
        "nodeSelector": {f"{ROLE}{host_class}": ""},
        "priorityClassName": pods.CRITICAL,
        "securityContext": pods.AS_NOBODY,
        # Longer than open requests may take when it is told to stop.
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"name": "bodies", "emptyDir": {"sizeLimit": "256Mi"}}],
        "containers": [_container(part.components[exposure.value], exposure, doors)],
    }
    return {
        "spec": {
            "selector": {"matchLabels": labels},
            # Two pods cannot have one port of a host, so hosts are renewed one after the other.
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    }


def _container(component: Component, exposure: Exposure, doors: Doors) -> dict[str, Any]:
    classes = [f"-class={served.value}" for served in SERVES[exposure]]
    guarded = [f"-guard={served.value}" for served in SERVES[exposure] if served in GUARDED]
    own = {"cpu": cpu(component.cpu_millicores or 0), "memory": memory(component.memory_mib or 0)}
    return {
        "name": exposure.value,
        **pods.image(component),
        "args": [
            *classes,
            *guarded,
            f"-https=:{HTTPS_PORT}",
            f"-http=:{HTTP_PORT}",
            f"-metrics=:{FIGURES_PORT}",
            f"-health=:{HEALTH_PORT}",
        ],
        # The collector works harder before the kernel would end the process.
        "env": [
            {"name": "GOMEMLIMIT", "value": f"{(component.memory_mib or 0) * 9 // 10}MiB"},
            {"name": "TMPDIR", "value": BODIES},
        ],
        "ports": [
            {"name": "https", "containerPort": HTTPS_PORT, "hostPort": doors.https, "protocol": "TCP"},
            {"name": "http", "containerPort": HTTP_PORT, "hostPort": doors.http, "protocol": "TCP"},
            {"name": "figures", "containerPort": FIGURES_PORT, "hostPort": doors.figures, "protocol": "TCP"},
        ],
        "readinessProbe": _probe("/readyz", period_s=2),
        "livenessProbe": _probe("/healthz", period_s=10),
        "resources": {
            "requests": own,
            "limits": {**own, "cpu": cpu((component.cpu_millicores or 0) * BURST)},
        },
        "securityContext": pods.NO_RIGHTS,
        # Of long requests, what the firewall has to see at once and does not keep in memory.
        "volumeMounts": [{"name": "bodies", "mountPath": BODIES}],
    }


def _probe(path: str, period_s: int) -> dict[str, Any]:
    return {"httpGet": {"port": HEALTH_PORT, "path": path}, "periodSeconds": period_s}
