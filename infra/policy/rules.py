"""What must hold of everything that is declared in a cluster: every rule, and what breaks them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from infra.policy import care, change, doors, moves, pods, rights, rooms, stores
from infra.policy.ground import Ground
from infra.policy.record import Declared
from infra.policy.rule import Rule, Violation

RULES: tuple[Rule, ...] = (
    rooms.NAMED,
    rooms.OWNED,
    rooms.RESTRICTED_ROOM,
    rooms.LIMITED,
    rooms.CLOSED,
    rooms.ROOMED,
    pods.UNPRIVILEGED,
    pods.PINNED,
    pods.HOSTLESS,
    stores.ISOLATED,
    doors.INWARD,
    doors.ADDRESSED,
    doors.APART,
    doors.ENCRYPTED,
    rights.MODEST,
    care.BUDGETED,
    care.COPIED,
    change.FROZEN,
    moves.MARKED,
    moves.FENCED,
    moves.PASSING,
    moves.STORED,
)


def violations(
    objects: Iterable[Declared], ground: Ground, today: date, rules: Iterable[Rule] = RULES
) -> list[Violation]:
    """Every violation of the rules that no exception covers on a day, sorted."""
    every = list(objects)
    return sorted(
        Violation(rule.name, str(fault.object), fault.problem, fault.mend)
        for rule in rules
        for fault in rule.check(every, ground)
        if not ground.excepted(rule.name, fault.object, today)
    )
