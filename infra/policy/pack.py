"""The rules as a Pulumi policy pack: each one mandatory, the same function that tests call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rule import Rule
from infra.policy.rules import RULES, violations

Grounds = Callable[[str], Ground]
"""What rules rest on, by a stack's name. A pack is loaded before there is a stack; only resources name theirs."""


def policies(ground: Grounds, today: date, rules: Iterable[Rule] = RULES) -> list[Policy]:
    """Every rule as a policy.

    One that judges an object alone is asked before the object is made; the others are asked when all of a stack is
    known, so a plan shows what they say, and `up` without a plan shows it too late.
    """
    return [_of_one(rule, ground, today) if rule.alone else _of_all(rule, ground, today) for rule in rules]


def _of_one(rule: Rule, ground: Grounds, today: date) -> Policy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if is_object(args.resource_type):
            for found in violations([Declared(plain(args.props))], ground(stack_of(args.urn)), today, [rule]):
                report(f"{found}", None)

    return ResourceValidationPolicy(rule.name, rule.why, validate, EnforcementLevel.MANDATORY)


def _of_all(rule: Rule, ground: Grounds, today: date) -> Policy:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        declared = {one.urn: Declared(plain(one.props)) for one in args.resources if is_object(one.resource_type)}
        urns = {str(one): urn for urn, one in declared.items()}
        if not declared:
            return
        for found in violations(declared.values(), ground(stack_of(next(iter(declared)))), today, [rule]):
            report(f"{found}", urns[found.object])

    return StackValidationPolicy(rule.name, rule.why, validate, EnforcementLevel.MANDATORY)


def stack_of(urn: str) -> str:
    """The stack that a resource belongs to: `urn:pulumi:STACK::PROJECT::TYPE::NAME`."""
    return urn.split("::", maxsplit=1)[0].removeprefix("urn:pulumi:")


def is_object(resource_type: str) -> bool:
    """Whether a resource is a Kubernetes object, and not a component or a provider."""
    return resource_type.startswith("kubernetes:")


def plain(value: Any) -> Any:
    """A property as plain values; what a plan cannot know yet is left out, so a rule that needs it says no."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in _known(value, value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in _known(value, range(len(value))).values()]
    return value


def _known(value: Any, places: Iterable[Any]) -> dict[Any, Any]:
    found = {}
    for place in places:
        try:
            found[place] = value[place]
        except UnknownValueError:
            continue
    return found
