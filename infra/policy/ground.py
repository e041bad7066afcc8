"""The facts that rules compare objects with, taken from the model once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType

from infra.marks import Vocabulary, vocabulary
from infra.moves import MOVE, Moving, moves_of
from infra.policy.record import Declared
from province.fleet.fleet import Fleet
from province.fleet.policy import PolicyException, Project06Approval
from province.toolchain import pins

Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Ground:
    """What this province says: its words, registry and closed domains, what each tier promises, who is excepted."""

    words: Vocabulary
    registry: str
    """The only place that images come from; what stands before the first slash of their names."""
    domains: Mapping[str, tuple[Network, ...]]
    """The addresses of each closed routing domain, by its name for people."""
    promises: frozenset[str]
    """Tiers that say how much data a failure may cost at most, so that what they store is copied."""
    exceptions: tuple[PolicyException, ...]
    approvals: tuple[Project06Approval, ...]
    moves: Mapping[str, Moving] = field(default_factory=dict)
    """What moves here from old machine rooms, by the move's id."""

    def move_of(self, one: Declared) -> Moving | None:
        """The move that an object is declared for; None for one of a system's own."""
        return self.moves.get(one.labels.get(self.words.key(MOVE), ""))

    def excepted(self, rule: str, one: Declared, today: date) -> bool:
        """Whether somebody wrote down that this object may break this rule on this day."""
        return any(
            rule in exception.rules and exception.holds(today) and covers(exception, one)
            for exception in self.exceptions
        )


def covers(exception: PolicyException, one: Declared) -> bool:
    """Whether an exception is about an object, whatever the rule and the day."""
    if exception.namespace is not None:
        return exception.namespace == one.namespace
    return exception.object == f"{one.kind}/{one.name}" and one.namespace is None


def ground_of(fleet: Fleet) -> Ground:
    """The ground of a province."""
    bodies = fleet.province.addressing.bodies
    return Ground(
        words=vocabulary(fleet),
        registry=pins.load().images.repository,
        domains=MappingProxyType(
            {fleet.province.domains[id_].name.en: (pair.ipv4, pair.ipv6) for id_, pair in sorted(bodies.items())}
        ),
        promises=frozenset(tier.id.value for tier in fleet.tiers.values() if tier.rpo_minutes is not None),
        exceptions=fleet.registers.policy_exceptions.rows,
        approvals=fleet.registers.project06_approvals.rows,
        moves=moves_of(fleet),
    )
