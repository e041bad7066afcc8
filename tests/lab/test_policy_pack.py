"""The policy pack under the real engine: a plan that breaks a rule fails, and says which, why and by whose word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.policy.ground import Ground, ground_of
from infra.policy.rules import RULES
from province.fleet.load import load_fleet

from ..policy_examples import Body, changed, good_objects, room_labels
from .rendered_stack import Done, RenderedStack, rendered_stack

ENVIRONMENT = "lab"
PACK = Path(__file__).resolve().parents[2] / "infra" / "policy_pack"
GROUND: Ground = ground_of(load_fleet(ENVIRONMENT))


def objects(*more: tuple[str, Body]) -> list[tuple[str, Body]]:
    """A room with everything that a room needs, and what a test puts into it."""
    inside = {"name": "room", "namespace": "policy-example"}
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    hard, limits = {"hard": {"pods": "1"}}, {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}
    labels = room_labels(GROUND)
    place = {"name": "policy-example", "labels": labels}
    return [
        ("kubernetes:core/v1:Namespace", {"apiVersion": "v1", "kind": "Namespace", "metadata": place}),
        ("kubernetes:core/v1:ResourceQuota", _in_room("v1", "ResourceQuota", inside, hard)),
        ("kubernetes:core/v1:LimitRange", _in_room("v1", "LimitRange", inside, limits)),
        (
            "kubernetes:networking.k8s.io/v1:NetworkPolicy",
            _in_room("networking.k8s.io/v1", "NetworkPolicy", inside, deny),
        ),
        *more,
    ]


def _in_room(version: str, kind: str, metadata: Body, spec: Body) -> Body:
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


DEPLOYMENT = good_objects(GROUND, "policy-example")["Deployment"]
DEPLOYMENTS = "kubernetes:apps/v1:Deployment"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenderedStack]:
    with rendered_stack(tmp_path_factory.mktemp("pack"), f"{ENVIRONMENT}.here.pack") as made:
        yield made


def judged(stack: RenderedStack) -> Done:
    return stack.pulumi("preview", "--policy-pack", str(PACK))


def refused_by(rule_name: str, done: Done) -> None:
    rule = next(rule for rule in RULES if rule.name == rule_name)
    assert done.returncode != 0, done.stdout
    assert f"[{rule.name}]" in done.stdout
    assert rule.reason in done.stdout
    assert rule.source in done.stdout


def test_what_keeps_every_rule_passes(stack: RenderedStack) -> None:
    stack.say(objects((DEPLOYMENTS, DEPLOYMENT)))
    done = judged(stack)
    assert done.returncode == 0, done.stdout
    assert "province" in done.stdout, "the pack was not asked"


def test_one_object_that_breaks_a_rule_fails_the_plan(stack: RenderedStack) -> None:
    unpinned = changed(DEPLOYMENT, "spec.template.spec.containers.0.image", f"{GROUND.registry}/web:1.0")
    stack.say(objects((DEPLOYMENTS, unpinned)))
    refused_by("pinned", judged(stack))


def test_a_stack_that_breaks_a_rule_as_a_whole_fails_the_plan(stack: RenderedStack) -> None:
    stack.say([one for one in objects() if one[1]["kind"] != "ResourceQuota"])
    refused_by("limited", judged(stack))
