"""The policy pack calls the same rules, for one resource or for a whole stack, and names the resource."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.policy.pack import is_object, plain, policies
from infra.policy.rules import RULES

from ..policy_examples import GROUND, TODAY, Body, Example, changed, forbidden_objects, good_objects, room_labels

OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
EXAMPLES = [example for example in forbidden_objects(GROUND, "room") if example.rule not in {"apart", "isolated"}]
PACK = policies(lambda _stack: GROUND, TODAY)


def reporter(urns: list[str | None]) -> ReportViolation:
    """Take down the resource of each violation."""
    return lambda _text, urn: urns.append(urn)


def said_of_one(body: Body, kind: str = "kubernetes:any:Kind") -> set[str]:
    """Which policies for single resources report one."""
    found: set[str] = set()
    args = ResourceValidationArgs(kind, unknown_checking_proxy(body), "urn", "name", OPTIONS, None)
    for policy in PACK:
        if isinstance(policy, ResourceValidationPolicy):
            urns: list[str | None] = []
            policy.validate(args, reporter(urns))
            found |= {policy.name} if urns else set()
    return found


def resource(body: Body) -> PolicyResource:
    token, props = f"kubernetes:any:{body['kind']}", unknown_checking_proxy(body)
    return PolicyResource(token, props, f"urn:{body['kind']}", "name", OPTIONS, None, None, [], {})


def said_of_all(*bodies: Body) -> list[tuple[str, str | None]]:
    """What each policy for whole stacks says of one, with the resource it names."""
    found: list[tuple[str, str | None]] = []
    for policy in PACK:
        if isinstance(policy, StackValidationPolicy):
            urns: list[str | None] = []
            policy.validate(StackValidationArgs([resource(one) for one in bodies]), reporter(urns))
            found += [(policy.name, urn) for urn in urns]
    return found


def room() -> Body:
    return {"kind": "Namespace", "metadata": {"name": "room", "labels": room_labels(GROUND)}}


def test_every_rule_is_a_mandatory_policy_that_says_why() -> None:
    def shown(policy: Policy) -> tuple[str, str]:
        assert policy.enforcement_level is EnforcementLevel.MANDATORY
        return policy.name, policy.description

    assert [shown(policy) for policy in PACK] == [(rule.name, rule.why) for rule in RULES]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_forbidden_object_is_reported_by_its_rule_alone(example: Example) -> None:
    assert said_of_one(example.body) == {example.rule}


def test_objects_in_order_and_what_is_no_object_are_not_reported() -> None:
    for body in good_objects(GROUND, "room").values():
        assert said_of_one(body) == set()
    assert (
        said_of_one({}, "province:systems:SystemNamespace") == said_of_one({}, "pulumi:providers:kubernetes") == set()
    )
    assert not is_object("pulumi:providers:kubernetes")


def test_a_stack_is_judged_as_a_whole_and_the_resource_is_named() -> None:
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "room"}, "spec": deny}
    quota = {"kind": "ResourceQuota", "metadata": {"name": "one", "namespace": "room"}}
    limits = {"kind": "LimitRange", "metadata": {"name": "one", "namespace": "room"}}
    assert said_of_all(room(), policy, quota, limits) == []
    assert said_of_all(room(), policy, quota) == [("limited", "urn:Namespace")]
    assert set(said_of_all(room(), quota, limits)) == {("closed", "urn:Namespace")}


def test_what_a_plan_cannot_know_is_not_taken_for_good() -> None:
    deployment = good_objects(GROUND, "room")["Deployment"]
    unknown = changed(deployment, "spec.template.spec.containers.0.image", UNKNOWN_STRING_VALUE)
    assert said_of_one(unknown) == {"pinned"}
    values: Any = {"a": [1, UNKNOWN_STRING_VALUE, {"b": UNKNOWN_STRING_VALUE}], "c": "d"}
    assert plain(unknown_checking_proxy(values)) == {"a": [1, {}], "c": "d"}
