"""Each rule finds the object that breaks it, says which one, and leaves the rest alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rules import RULES, violations
from province.fleet.policy import Project06Approval

from ..move_examples import keeping, moved
from ..policy_examples import GROUND, TODAY, Body, pod, room_labels


def room() -> dict[str, Body]:
    """A small room that breaks no rule; each test spoils one thing in it."""
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = {"app": "web"}

    def inside(kind: str, spec: Body) -> Body:
        return {"kind": kind, "metadata": {"name": "one", "namespace": "room"}, "spec": spec}

    return {
        "namespace": {"kind": "Namespace", "metadata": {"name": "room", "labels": room_labels(GROUND)}},
        "quota": inside("ResourceQuota", {}),
        "limits": inside("LimitRange", {}),
        "deny": inside("NetworkPolicy", deny),
        "way": inside("NetworkPolicy", {"podSelector": {}, "egress": [{"to": [{"podSelector": {}}]}]}),
        "pods": inside(
            "Deployment", {"replicas": 2, "template": {"metadata": {"labels": labels}, "spec": pod(GROUND)}}
        ),
        "budget": inside("PodDisruptionBudget", {"minAvailable": 1, "selector": {"matchLabels": labels}}),
        "database": {
            **inside("Cluster", {"storage": {"storageClass": "system-room"}}),
            "apiVersion": "postgresql.cnpg.io/v1",
        },
        "backup": inside("ScheduledBackup", {"cluster": {"name": "one"}}),
        "claim": inside("PersistentVolumeClaim", {"storageClassName": "system-room"}),
        "set": inside("StatefulSet", {"volumeClaimTemplates": [{"spec": {"storageClassName": "system-room"}}]}),
        "service": inside("Service", {"type": "ClusterIP"}),
        "name": inside("Ingress", _by_tls("web.example")),
        "role": {**inside("Role", {}), "rules": [{"verbs": ["*"], "resources": ["pods"]}]},
        "record": moved(inside("ConfigMap", {}), {"province.example/site": "here"}),
        "moved": moved(inside("PersistentVolumeClaim", {"storageClassName": "system-room"})),
        "passage": moved(inside("NetworkPolicy", {"podSelector": {"a": "b"}})),
        "keeper": moved(inside("Deployment", {"template": {"spec": keeping(pod(GROUND))}})),
        "binding": {**inside("RoleBinding", {}), "roleRef": {"kind": "ClusterRole", "name": "view"}},
    }


def _by_tls(host: str) -> Body:
    return {"ingressClassName": "tslcd", "tls": [{"hosts": [host]}], "rules": [{"host": host}]}


def found(bodies: dict[str, Body], ground: Ground = GROUND, today: date = TODAY) -> list[tuple[str, str]]:
    return [(one.rule, one.problem) for one in violations(map(Declared, bodies.values()), ground, today)]


def drop(key: str) -> Callable[[dict[str, Body]], object]:
    return lambda bodies: bodies.pop(key)


def change(path: str, value: object) -> Callable[[dict[str, Body]], None]:
    """Set what stands at a path such as `pods.spec.template.spec.hostNetwork`."""

    def act(bodies: dict[str, Body]) -> None:
        *steps, last = path.split(".")
        place: Any = bodies
        for step in steps:
            place = place[int(step)] if step.isdigit() else place.setdefault(step, {})
        place[last] = value

    return act


CONTAINER = "pods.spec.template.spec.containers.0"
SPOILT = [
    ("named", change("quota.metadata.name", None), "has no name of its own"),
    *(
        ("owned", change("namespace.metadata.labels", {"pod-security.kubernetes.io/enforce": "restricted"}), problem)
        for problem in [f"label province.example/{word} is missing" for word in ("owner", "tier", "level", "project06")]
    ),
    (
        "restricted",
        lambda bodies: bodies["namespace"]["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce"),
        "pod-security.kubernetes.io/enforce is not restricted",
    ),
    ("limited", drop("quota"), "has no ResourceQuota"),
    ("limited", drop("limits"), "has no LimitRange"),
    ("closed", drop("deny"), "Ingress is not denied by default"),
    ("closed", drop("deny"), "Egress is not denied by default"),
    ("closed", change("deny.spec.policyTypes", ["Ingress"]), "Egress is not denied by default"),
    ("closed", change("deny.spec.ingress", [{"from": [{"podSelector": {}}]}]), "Ingress is not denied by default"),
    ("addressed", change("way.spec.egress", [{}]), "opens egress for everybody"),
    ("closed", change("deny.spec.podSelector", {"matchLabels": {"a": "b"}}), "Egress is not denied by default"),
    ("roomed", change("service.metadata.namespace", "elsewhere"), "stands outside the declared namespaces"),
    ("roomed", change("service.metadata.namespace", None), "stands outside the declared namespaces"),
    ("unprivileged", change("pods.spec.template.spec.hostNetwork", True), "hostNetwork is set"),
    ("unprivileged", change("pods.spec.template.spec.hostPID", True), "hostPID is set"),
    ("unprivileged", change(f"{CONTAINER}.securityContext.privileged", True), "container web: is privileged"),
    (
        "unprivileged",
        change(f"{CONTAINER}.securityContext.allowPrivilegeEscalation", None),
        "container web: may gain privileges (allowPrivilegeEscalation)",
    ),
    ("unprivileged", change(f"{CONTAINER}.securityContext.capabilities", {}), "container web: keeps capabilities"),
    (
        "unprivileged",
        change("pods.spec.template.spec.securityContext.runAsNonRoot", None),
        "container web: may run as root (runAsNonRoot)",
    ),
    (
        "unprivileged",
        change("pods.spec.template.spec.securityContext.seccompProfile", {"type": "Unconfined"}),
        "container web: has no seccomp profile",
    ),
    ("unprivileged", change(f"{CONTAINER}.securityContext.capabilities.add", ["NET_RAW"]), "adds capabilities"),
    ("unprivileged", change(f"{CONTAINER}.ports", [{"hostPort": 80}]), "listens on its host (hostPort)"),
    ("pinned", change(f"{CONTAINER}.image", "images.example/web:1.0"), "is not named by digest"),
    ("pinned", change(f"{CONTAINER}.image", f"other.example/web@sha256:{'0' * 64}"), "is not named by digest"),
    ("pinned", change(f"{CONTAINER}.image", f"images.example/web@sha256:{'0' * 63}"), "is not named by digest"),
    ("pinned", change(f"{CONTAINER}.image", f"imagesXexample/web@sha256:{'0' * 64}"), "is not named by digest"),
    ("pinned", change(f"{CONTAINER}.image", ""), "image missing is not named by digest"),
    ("isolated", change("claim.spec.storageClassName", "shared"), "stores in class shared, not in system-room"),
    ("isolated", change("claim.spec.storageClassName", None), "stores in class of nobody, not in system-room"),
    ("isolated", change("database.spec.storage", {}), "stores in class of nobody"),
    ("isolated", change("set.spec.volumeClaimTemplates.0.spec.storageClassName", "system-other"), "not in system-room"),
    ("isolated", change("service.metadata.labels", {"app.kubernetes.io/part-of": "other"}), "belongs to other"),
    ("hostless", change("pods.spec.template.spec.volumes", [{"name": "v", "hostPath": {}}]), "volume v is a path"),
    ("inward", change("service.spec.type", "NodePort"), "is of type NodePort"),
    ("inward", change("service.spec.type", "LoadBalancer"), "is of type LoadBalancer"),
    ("inward", change("service.spec.externalIPs", ["192.0.2.1"]), "takes over addresses outside the cluster"),
    ("encrypted", change("name.spec.ingressClassName", None), "is of no class of entrance"),
    ("encrypted", change("name.spec.rules", [{"host": "other.example"}]), "offers something without TLS"),
    ("encrypted", change("name.spec.rules", [{}]), "offers something without TLS"),
    ("encrypted", change("name.spec.defaultBackend", {"service": {}}), "offers something without TLS"),
    ("modest", change("binding.roleRef.name", "cluster-admin"), "binds to cluster-admin"),
    ("modest", change("role.rules", [{"verbs": ["*"], "resources": ["*"]}]), "allows every verb on every resource"),
    ("budgeted", drop("budget"), "no disruption budget keeps one of its pods"),
    ("budgeted", change("budget.spec.selector", {"matchLabels": {"app": "other"}}), "no disruption budget"),
    ("budgeted", change("budget.spec.selector", {}), "no disruption budget"),
    ("copied", drop("backup"), "tier B promises how much a failure may cost, but no backup is scheduled"),
    ("copied", change("backup.spec.cluster.name", "other"), "no backup is scheduled"),
    (
        "apart",
        lambda bodies: bodies.update(bridge("198.51.100.0/24", "198.51.100.200/32")),
        "from the west to the east",
    ),
    ("apart", lambda bodies: bodies.update(bridge("198.51.100.129/32", "0.0.0.0/0")), "from the east to the west"),
    ("marked", change("record.metadata.labels", {"province.example/move": "x"}), "is of the move x, which nobody"),
    (
        "marked",
        lambda bodies: bodies["record"]["metadata"]["labels"].update({"province.example/phase": "soaking"}),
        "says phase soaking, and the model frozen",
    ),
    (
        "fenced",
        change("keeper.spec.template.spec.containers.0.volumeMounts.0.readOnly", False),
        "container web may write into a move whose old side takes the writes",
    ),
    (
        "passing",
        change("passage.spec.egress", [{"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": [{"port": 22}]}]),
        "opens the way to-old of old, which is frozen",
    ),
    (
        "passing",
        change("passage.spec.ingress", [{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 22}]}]),
        "opens more than one host and port of the old side (Ingress)",
    ),
    ("stored", drop("moved"), "old is frozen, and its volume is not declared"),
    ("frozen", change("service.metadata.annotations", {"province.example/approval": "x"}), "names the approval x"),
]


def bridge(origin: str, target: str) -> dict[str, Body]:
    """Two policies of one room: what the one lets in, the other lets out."""
    return {
        name: {
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": "room"},
            "spec": {"podSelector": {"a": "b"}, side: [{peers: [{"ipBlock": {"cidr": cidr}}]}]},
        }
        for name, side, peers, cidr in (("in", "ingress", "from", origin), ("out", "egress", "to", target))
    }


def test_a_room_in_order_breaks_no_rule() -> None:
    assert found(room()) == []


@pytest.mark.parametrize(
    ("rule", "spoil", "problem"), SPOILT, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_broken_rule_is_found_and_no_other(
    rule: str, spoil: Callable[[dict[str, Body]], object], problem: str
) -> None:
    bodies = room()
    spoil(bodies)
    seen = found(bodies)
    assert {name for name, _ in seen} == {rule}
    assert any(problem in text for _, text in seen)


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert {rule for rule, _, _ in SPOILT} == {rule.name for rule in RULES}


@pytest.mark.parametrize("place", ["initContainers", "ephemeralContainers"])
def test_no_container_of_a_pod_is_overlooked(place: str) -> None:
    bodies = room()
    spec = bodies["pods"]["spec"]["template"]["spec"]
    spec[place] = [{**copy.deepcopy(spec["containers"][0]), "image": "web"}]
    assert {rule for rule, _ in found(bodies)} == {"pinned"}


def test_pods_and_scheduled_jobs_are_looked_into_too() -> None:
    shares = pod(GROUND) | {"hostNetwork": True}
    where = {"metadata": {"name": "one", "namespace": "room"}}
    bare = {"kind": "Pod", **where, "spec": shares}
    scheduled = {"kind": "CronJob", **where, "spec": {"jobTemplate": {"spec": {"template": {"spec": shares}}}}}
    for body in (bare, scheduled):
        assert [rule for rule, _ in found({**room(), "more": body})] == ["unprivileged"]


def test_an_image_by_digest_needs_no_tag() -> None:
    bodies = room()
    change(f"{CONTAINER}.image", f"images.example/group/web@sha256:{'a' * 64}")(bodies)
    assert found(bodies) == []


def test_one_pod_needs_no_budget_and_a_tier_without_promise_no_backup() -> None:
    bodies = room()
    drop("budget")(bodies)
    change("pods.spec.replicas", 1)(bodies)
    drop("backup")(bodies)
    bodies["namespace"]["metadata"]["labels"]["province.example/tier"] = "D"
    assert found(bodies) == []


def test_below_level_3_volumes_are_of_the_shared_class_and_of_no_other_systems() -> None:
    bodies = room()
    bodies["namespace"]["metadata"]["labels"]["province.example/level"] = "2"
    assert {rule for rule, _ in found(bodies)} == {"isolated"}
    for key in ("record", "moved"):
        drop(key)(bodies)
    change("claim.spec.storageClassName", "shared")(bodies)
    change("database.spec.storage.storageClass", "shared")(bodies)
    change("set.spec.volumeClaimTemplates", [])(bodies)
    assert found(bodies) == []


def test_a_server_for_both_domains_that_calls_neither_breaks_no_rule() -> None:
    bodies = room()
    bodies.update(bridge("0.0.0.0/0", "203.0.113.0/24"))
    assert found(bodies) == []


def test_what_a_block_leaves_out_is_not_reached() -> None:
    bodies = room()
    bodies.update(bridge("198.51.100.0/25", "198.51.100.0/24"))
    (peer,) = bodies["out"]["spec"]["egress"][0]["to"]
    peer["ipBlock"]["except"] = ["198.51.100.128/25"]
    assert found(bodies) == []


def test_an_approval_that_is_written_down_may_be_named() -> None:
    bodies = room()
    change("service.metadata.annotations", {"province.example/approval": "p06-1"})(bodies)
    approval = Project06Approval(
        id="p06-1", system="room", change="x", approved_by="y", since=TODAY, until=TODAY, source="V18"
    )
    assert found(bodies, replace(GROUND, approvals=(approval,))) == []


def test_a_violation_names_object_problem_rule_and_mend() -> None:
    bodies = room()
    change("service.spec.type", "NodePort")(bodies)
    (one,) = violations(map(Declared, bodies.values()), GROUND, TODAY)
    assert str(one) == (
        "Service room/one: is of type NodePort [inward]; make it a ClusterIP and let the entrance of the site offer it"
    )
