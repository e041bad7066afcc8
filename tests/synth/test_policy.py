"""Each rule finds the object that breaks it, says which one, and leaves the rest alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from infra.marks import Vocabulary
from infra.policy.record import Declared
from infra.policy.rules import RULES, violations

WORDS = Vocabulary("province.example")
Body = dict[str, Any]


def room() -> dict[str, Body]:
    """A small room that breaks no rule; each test spoils one thing in it."""
    labels = {
        "province.example/owner": "office",
        "province.example/tier": "B",
        "province.example/level": "3",
        "province.example/project06": "false",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    container = {
        "name": "web",
        "image": "registry.example/web:1.0",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }

    def inside(kind: str, spec: Body) -> Body:
        return {"kind": kind, "metadata": {"name": "one", "namespace": "room"}, "spec": spec}

    return {
        "namespace": {"kind": "Namespace", "metadata": {"name": "room", "labels": labels}},
        "quota": inside("ResourceQuota", {}),
        "limits": inside("LimitRange", {}),
        "deny": inside("NetworkPolicy", deny),
        "pods": inside("Deployment", {"template": {"spec": pod}}),
    }


def found(bodies: dict[str, Body]) -> list[tuple[str, str]]:
    return [(one.rule, one.problem) for one in violations(map(Declared, bodies.values()), WORDS)]


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
    ("closed", change("deny.spec.ingress", [{}]), "Ingress is not denied by default"),
    ("closed", change("deny.spec.podSelector", {"matchLabels": {"a": "b"}}), "Egress is not denied by default"),
    ("roomed", change("pods.metadata.namespace", "elsewhere"), "stands outside the declared namespaces"),
    ("roomed", change("pods.metadata.namespace", None), "stands outside the declared namespaces"),
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
    ("tagged", change(f"{CONTAINER}.image", "registry.example:5000/web"), "has no tag of its own"),
    ("tagged", change(f"{CONTAINER}.image", "registry.example/web:latest"), "has no tag of its own"),
    ("tagged", change(f"{CONTAINER}.image", ""), "image missing has no tag of its own"),
]


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
    assert {rule for rule, _, _ in SPOILT} == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("place", ["initContainers", "ephemeralContainers"])
def test_no_container_of_a_pod_is_overlooked(place: str) -> None:
    bodies = room()
    pod = bodies["pods"]["spec"]["template"]["spec"]
    pod[place] = [{**copy.deepcopy(pod["containers"][0]), "image": "web"}]
    assert {rule for rule, _ in found(bodies)} == {"tagged"}


def test_pods_and_scheduled_jobs_are_looked_into_too() -> None:
    pod = room()["pods"]["spec"]["template"]["spec"] | {"hostNetwork": True}
    where = {"metadata": {"name": "one", "namespace": "room"}}
    bare = {"kind": "Pod", **where, "spec": pod}
    scheduled = {"kind": "CronJob", **where, "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    for body in (bare, scheduled):
        assert [rule for rule, _ in found({**room(), "more": body})] == ["unprivileged"]


def test_a_digest_is_as_good_as_a_tag() -> None:
    bodies = room()
    change(f"{CONTAINER}.image", f"registry.example/web@sha256:{'0' * 64}")(bodies)
    assert found(bodies) == []


def test_a_violation_names_object_problem_rule_and_mend() -> None:
    bodies = room()
    change(f"{CONTAINER}.image", "web:latest")(bodies)
    (one,) = violations(map(Declared, bodies.values()), WORDS)
    assert str(one) == "Deployment room/one: image web:latest has no tag of its own [tagged]; pin it"
