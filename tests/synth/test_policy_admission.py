"""Rules as the API server enforces them: the same as in Python, and excepted only where somebody wrote it down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from infra.policy.admission import binding_body, policy_body
from infra.policy.ground import Ground, ground_of
from infra.policy.record import Declared
from infra.policy.rules import RULES, violations
from province.fleet.load import load_fleet
from province.fleet.policy import PolicyException

from ..policy_examples import GROUND, TODAY, Example, changed, forbidden_objects, good_objects, room_labels


def excepting(**place: Any) -> Ground:
    fields: dict[str, Any] = {"id": "one", "reason": "x", "owner": "y", "expires": TODAY, **place}
    return replace(GROUND, exceptions=(PolicyException(rules=("inward", "modest"), **fields),))


def test_an_exception_covers_its_rules_in_its_place_until_its_last_day() -> None:
    service, role, image = (
        Declared(changed(good_objects(GROUND, "room")[kind], path, value))
        for kind, path, value in (
            ("Service", "spec.type", "NodePort"),
            ("ClusterRole", "rules", [{"verbs": ["*"], "resources": ["*"]}]),
            ("Pod", "spec.containers.0.image", "web"),
        )
    )
    enforced = [rule for rule in RULES if rule.admission]

    def broken(ground: Ground, today: date = TODAY) -> set[str]:
        return {one.rule for one in violations([service, role, image], ground, today, enforced)}

    assert broken(GROUND) == {"inward", "modest", "pinned"}
    assert broken(excepting(namespace="room")) == {"modest", "pinned"}
    assert broken(excepting(object="ClusterRole/policy-example")) == {"inward", "pinned"}
    for elsewhere in ({"namespace": "other"}, {"object": "Role/policy-example"}, {"object": "Service/policy-example"}):
        assert broken(excepting(**elsewhere)) == {"inward", "modest", "pinned"}
    assert broken(excepting(namespace="room"), TODAY + timedelta(days=1)) == {"inward", "modest", "pinned"}


def room_of(level: str) -> Declared:
    labels = {**room_labels(GROUND), GROUND.words.key("level"): level}
    return Declared({"kind": "Namespace", "metadata": {"name": "room", "labels": labels}})


EXAMPLES = forbidden_objects(GROUND, "room")


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_what_the_api_server_refuses_the_check_in_python_finds_too(example: Example) -> None:
    objects = [Declared(example.body)]
    if objects[0].kind != "Namespace":
        objects.append(room_of("3"))
    rules = [rule for rule in RULES if rule.admission]
    assert {rule.name for rule in rules for _ in rule.check(objects, GROUND)} == {example.rule}


def test_what_the_api_server_accepts_breaks_no_rule_that_it_enforces() -> None:
    objects = [room_of("3"), *(Declared(body) for body in good_objects(GROUND, "room").values())]
    assert not [fault for rule in RULES if rule.admission for fault in rule.check(objects, GROUND)]


def test_every_condition_of_every_enforced_rule_has_an_example() -> None:
    """Except for what a new object and a room of level 3 do not show: changes, taking away, other rooms' storage."""
    wanted = {
        (rule.name, demand.problem.partition(" (")[0].partition(" or neither")[0])
        for rule in RULES
        if rule.admission and rule.name not in {"frozen", "stored"}
        for demand in rule.admission.demands(GROUND)
    }
    elsewhere = {("isolated", "a volume is of another system's storage class")}
    assert {(example.rule, example.problem) for example in EXAMPLES} == wanted - elsewhere


def test_every_rule_has_a_reason_and_a_source_that_the_model_knows() -> None:
    known = load_fleet("production").sources
    for rule in RULES:
        assert rule.reason
        assert rule.source
        assert rule.cites in known, rule.name


def test_exceptions_of_this_province_name_rules_that_exist() -> None:
    names = {rule.name for rule in RULES}
    for exception in ground_of(load_fleet("production")).exceptions:
        assert set(exception.rules) <= names, exception.id
        assert exception.holds(datetime.now(UTC).date()), (
            f"{exception.id} is over: mend what it excepts, or decide anew"
        )


def test_policies_fail_closed_and_say_rule_reason_and_source() -> None:
    for rule in RULES:
        if rule.admission:
            spec = policy_body(rule, rule.admission, GROUND)["spec"]
            assert spec["failurePolicy"] == "Fail"
            for validation in spec["validations"]:
                assert f"[rule {rule.name}]; {rule.reason} ({rule.source})" in validation["message"]


def test_bindings_deny_everywhere_but_in_excepted_namespaces() -> None:
    inward = next(rule for rule in RULES if rule.name == "inward")
    pinned = next(rule for rule in RULES if rule.name == "pinned")
    ground = excepting(namespace="room")
    (selected,) = binding_body(inward, ground)["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selected == {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["room"]}
    for rule, where in ((pinned, ground), (inward, GROUND), (inward, excepting(object="Service/x"))):
        assert binding_body(rule, where)["spec"] == {
            "policyName": f"{rule.name}.province.example",
            "validationActions": ["Deny"],
        }


def test_an_excepted_object_is_the_only_one_of_its_kind_that_is_not_asked_about() -> None:
    modest = next(rule for rule in RULES if rule.name == "modest")
    assert modest.admission
    conditions = policy_body(modest, modest.admission, excepting(object="ClusterRole/all"))["spec"]["matchConditions"]
    expression = "!(request.kind.kind == 'ClusterRole' && request.name == 'all')"
    assert conditions == [{"name": "not-one", "expression": expression}]


def test_the_cluster_goes_on_with_what_an_exception_covers_when_its_day_is_over() -> None:
    """The rules' tests fail on that day; the pods that a cluster runs on are not stopped by a date."""
    inward = next(rule for rule in RULES if rule.name == "inward")
    long_ago = excepting(namespace="room", expires=date(2000, 1, 1))
    assert binding_body(inward, long_ago) == binding_body(inward, excepting(namespace="room"))
