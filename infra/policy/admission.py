"""Rules as the API server enforces them: one policy and one binding for each rule that CEL can say.

The API server never asks a policy about policies and bindings themselves, so whoever administers the cluster can
always take one back, although every policy fails closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.rule import Admission, Demand, Rule
from province.fleet.policy import PolicyException

NAMESPACE_OF_A_NAME = "kubernetes.io/metadata.name"
"""The label that the API server itself gives every namespace."""


def policy_name(rule: Rule, ground: Ground) -> str:
    """What a rule is called in the cluster; the province's domain tells it from the policies of others."""
    return f"{rule.name}.{ground.words.domain}"


def policy_body(rule: Rule, admission: Admission, ground: Ground) -> dict[str, Any]:
    """The `ValidatingAdmissionPolicy` of a rule, as it stands beside name and marks."""
    conditions = {**_not_excepted(rule, ground), **admission.when(ground)}
    return {
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [resources.group],
                        "apiVersions": [resources.version],
                        "operations": list(admission.operations),
                        "resources": list(resources.plurals),
                    }
                    for resources in admission.resources
                ]
            },
            **_if_any("matchConditions", _named_expressions(conditions)),
            **_if_any("variables", _named_expressions(admission.variables)),
            "validations": [
                {"expression": demand.condition, "message": message(rule, demand), "reason": "Forbidden"}
                for demand in admission.demands(ground)
            ],
        }
    }


def binding_body(rule: Rule, ground: Ground) -> dict[str, Any]:
    """The `ValidatingAdmissionPolicyBinding` of a rule: in force everywhere but in excepted namespaces."""
    excepted = sorted(str(one.namespace) for one in _exceptions(rule, ground) if one.namespace is not None)
    elsewhere = {
        "namespaceSelector": {
            "matchExpressions": [{"key": NAMESPACE_OF_A_NAME, "operator": "NotIn", "values": excepted}]
        }
    }
    return {
        "spec": {
            "policyName": policy_name(rule, ground),
            "validationActions": ["Deny"],
            **({"matchResources": elsewhere} if excepted else {}),
        }
    }


def message(rule: Rule, demand: Demand) -> str:
    """What somebody reads whose object is refused: the problem, the rule, why it is there and what asks for it."""
    return f"{demand.problem} [rule {rule.name}]; {rule.why}"


def _exceptions(rule: Rule, ground: Ground) -> list[PolicyException]:
    """Those for a rule, over or not: a date alone never stops what a cluster runs on."""
    return [one for one in ground.exceptions if rule.name in one.rules]


def _not_excepted(rule: Rule, ground: Ground) -> dict[str, str]:
    """One condition for each excepted object that stands in no namespace."""
    found = {}
    for exception in _exceptions(rule, ground):
        if exception.object is not None:
            kind, _, name = exception.object.partition("/")
            is_it = f"request.kind.kind == {cel.text(kind)} && request.name == {cel.text(name)}"
            found[f"not-{exception.id}"] = f"!({is_it})"
    return found


def _named_expressions(expressions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "expression": expression} for name, expression in expressions.items()]


def _if_any(key: str, values: Iterable[Any]) -> dict[str, list[Any]]:
    listed = list(values)
    return {key: listed} if listed else {}
