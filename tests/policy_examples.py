"""Objects that break a rule which the API server enforces, and the same objects in order.

One list for all: what the check in Python finds, what a policy pack refuses, and what a live API server refuses.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network
from typing import Any

from infra.marks import Vocabulary
from infra.policy.ground import Ground

from .move_examples import MOVING

Body = dict[str, Any]
TODAY = date(2026, 11, 25)
GROUND = Ground(
    words=Vocabulary("province.example"),
    registry="images.example",
    domains={"west": (ip_network("198.51.100.0/25"),), "east": (ip_network("198.51.100.128/25"),)},
    promises=frozenset("AB"),
    exceptions=(),
    approvals=(),
    moves={"old": MOVING},
)
"""A small province of its own, for tests that need none in particular."""

FULL_RIGHTS = {"privileged": True, "allowPrivilegeEscalation": True, "capabilities": {"drop": ["ALL"]}}
"""The API server itself refuses a container that is privileged and may not gain privileges."""
ROOM_LABELS = {"owner": "office", "tier": "B", "level": "3", "project06": "false"}


@dataclass(frozen=True)
class Example:
    """An object that one rule forbids, and what the API server says is wrong with it."""

    rule: str
    problem: str
    body: Body

    def __str__(self) -> str:
        return f"{self.rule}-{self.problem}".replace(" ", "-")


def good_objects(ground: Ground, namespace: str) -> dict[str, Body]:
    """One object of each kind that rules look at, in order."""
    inside = {"namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    return {
        "Namespace": _object("v1", "Namespace", {"labels": room_labels(ground)}, {}),
        "Deployment": _object("apps/v1", "Deployment", inside, _deployment(ground)),
        "Pod": _object("v1", "Pod", inside, pod(ground)),
        "CronJob": _object("batch/v1", "CronJob", inside, _cron_job(ground)),
        "Service": _object("v1", "Service", inside, {"type": "ClusterIP", "ports": [{"port": 80}]}),
        "PersistentVolumeClaim": _object("v1", "PersistentVolumeClaim", inside, _claim(f"system-{namespace}")),
        "NetworkPolicy": _object("networking.k8s.io/v1", "NetworkPolicy", inside, _open_to_one_domain(ground)),
        "Ingress": _object("networking.k8s.io/v1", "Ingress", inside, _name_of_a_system()),
        "ClusterRole": _rights("ClusterRole", {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]}),
        "ClusterRoleBinding": _rights("ClusterRoleBinding", {"roleRef": role, "subjects": []}),
    }


def forbidden_objects(ground: Ground, namespace: str) -> list[Example]:
    """For each condition of each rule that the API server enforces, one object that breaks nothing else."""
    good = good_objects(ground, namespace)

    def spoilt(rule: str, problem: str, kind: str, path: str, value: object) -> Example:
        return Example(rule, problem, changed(good[kind], path, value))

    def container(rule: str, problem: str, path: str, value: object) -> Example:
        return spoilt(rule, problem, "Deployment", f"spec.template.spec.containers.0.{path}", value)

    key = ground.words.key
    labels = [
        spoilt("owned", f"label {key(word)} is missing", "Namespace", f"metadata.labels|{key(word)}", "")
        for word in ROOM_LABELS
    ]
    rights = [
        container("unprivileged", "a container is privileged", "securityContext", FULL_RIGHTS),
        container("unprivileged", "a container may gain privileges", "securityContext.allowPrivilegeEscalation", True),
        container("unprivileged", "a container keeps capabilities", "securityContext.capabilities", {}),
        container("unprivileged", "a container adds capabilities", "securityContext.capabilities.add", ["NET_ADMIN"]),
        container("unprivileged", "a container may run as root", "securityContext.runAsNonRoot", False),
        container(
            "unprivileged",
            "a container has no seccomp profile",
            "securityContext.seccompProfile",
            {"type": "Unconfined"},
        ),
        container("unprivileged", "a container listens on its host", "ports", [{"containerPort": 80, "hostPort": 80}]),
        spoilt("unprivileged", "the pod shares its host", "Deployment", "spec.template.spec.hostNetwork", True),
    ]
    unpinned = f"an image is not named by digest from {ground.registry}"
    images = [
        container("pinned", unpinned, "image", f"{ground.registry}/web:1.0"),
        container("pinned", unpinned, "image", f"elsewhere.example/web@sha256:{'0' * 64}"),
        spoilt("pinned", unpinned, "CronJob", "spec.jobTemplate.spec.template.spec.containers.0.image", "web"),
    ]
    path_of_host = [{"name": "root", "hostPath": {"path": "/"}}]
    return [
        *labels,
        spoilt(
            "restricted",
            "label pod-security.kubernetes.io/enforce is not restricted",
            "Namespace",
            "metadata.labels|pod-security.kubernetes.io/enforce",
            "baseline",
        ),
        *rights,
        *images,
        spoilt("hostless", "a volume is a path of the host", "Deployment", "spec.template.spec.volumes", path_of_host),
        spoilt("inward", "the service is not a ClusterIP", "Service", "spec.type", "NodePort"),
        spoilt(
            "isolated",
            "a volume of a system of level 3 or above is not of the system's own storage class",
            "PersistentVolumeClaim",
            "spec.storageClassName",
            "shared",
        ),
        *_bridges(ground, good["NetworkPolicy"]),
        *_open_to_everybody(good["NetworkPolicy"]),
        spoilt("encrypted", "the ingress is of no class of entrance", "Ingress", "spec.ingressClassName", "nginx"),
        spoilt("encrypted", "the ingress offers something without TLS", "Ingress", "spec.tls", []),
        spoilt(
            "encrypted",
            "the ingress offers something without TLS",
            "Ingress",
            "spec.defaultBackend",
            {"service": {"name": "web", "port": {"number": 8080}}},
        ),
        spoilt("modest", "the binding is to cluster-admin", "ClusterRoleBinding", "roleRef.name", "cluster-admin"),
        spoilt(
            "modest",
            "the role allows every verb on every resource",
            "ClusterRole",
            "rules",
            [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
        ),
    ]


def pod(ground: Ground) -> Body:
    """The specification of a pod with no right that it need not have."""
    container = {
        "name": "web",
        "image": f"{ground.registry}/web:1.0@sha256:{'0' * 64}",
        "resources": {"limits": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }


def room_labels(ground: Ground) -> dict[str, str]:
    """The labels of a namespace that breaks no rule."""
    own = {ground.words.key(word): value for word, value in ROOM_LABELS.items()}
    return {**own, "pod-security.kubernetes.io/enforce": "restricted"}


def changed(body: Mapping[str, Any], path: str, value: object) -> Body:
    """The object with another value at a path such as `spec.containers.0.image`; `|` comes before a key with dots."""
    found: Body = copy.deepcopy(dict(body))
    front, bar, key = path.partition("|")
    steps = [*front.split("."), key] if bar else front.split(".")
    place: Any = found
    for step in steps[:-1]:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[steps[-1]] = value
    return found


def _object(version: str, kind: str, metadata: Mapping[str, Any], spec: Body) -> Body:
    name = {"name": "policy-example", **metadata}
    return {"apiVersion": version, "kind": kind, "metadata": name, **({"spec": spec} if spec else {})}


def _rights(kind: str, body: Body) -> Body:
    return {**_object("rbac.authorization.k8s.io/v1", kind, {}, {}), **body}


def _deployment(ground: Ground) -> Body:
    labels = {"app": "policy-example"}
    template = {"metadata": {"labels": labels}, "spec": pod(ground)}
    return {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}


def _claim(storage_class: str) -> Body:
    return {
        "storageClassName": storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }


def _cron_job(ground: Ground) -> Body:
    template = {"spec": {**pod(ground), "restartPolicy": "Never"}}
    return {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}


def _name_of_a_system() -> Body:
    backend = {"service": {"name": "web", "port": {"number": 8080}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "ingressClassName": "tslcd",
        "tls": [{"hosts": ["web.example"], "secretName": "web-tls"}],
        "rules": [{"host": "web.example", "http": {"paths": paths}}],
    }


def _open_to_one_domain(ground: Ground) -> Body:
    """From one domain in, and out to the same one."""
    networks = next(iter(ground.domains.values()))
    peers = [{"ipBlock": {"cidr": str(network)}} for network in networks]
    return {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers}],
        "egress": [{"to": peers}],
    }


def _bridges(ground: Ground, good: Body) -> list[Example]:
    one, other = ground.domains
    found = []
    for origin, target in ((one, other), (other, one)):
        ingress = [{"from": [{"ipBlock": {"cidr": str(ground.domains[origin][0])}}]}]
        inner = next(ground.domains[target][0].subnets())
        for network in (ground.domains[target][0], inner):
            egress = [{"to": [{"ipBlock": {"cidr": str(network)}}]}]
            body = changed(changed(good, "spec.ingress", ingress), "spec.egress", egress)
            found.append(Example("apart", f"the policy leads from the {origin} to the {target}", body))
    return found


def _open_to_everybody(good: Body) -> list[Example]:
    found = []
    for side, other, key in (("ingress", "egress", "to"), ("egress", "ingress", "from")):
        closed = changed(good, f"spec.{other}", [{key: [{"podSelector": {}}]}])
        body = changed(closed, f"spec.{side}", [{"ports": [{"protocol": "TCP", "port": 80}]}])
        found.append(Example("addressed", f"the policy opens {side} for everybody", body))
    return found
