"""Rules about namespaces: whose they are, what they may use, and that their doors are shut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.policy import cel
from infra.policy.ground import Ground
from infra.policy.record import Declared, of_kind
from infra.policy.rule import Admission, Demand, Fault, Rule

POD_SECURITY = "pod-security.kubernetes.io/enforce"
RESTRICTED = "restricted"
MANDATORY_LABELS = ("owner", "tier", "level", "project06")
ANSWERED_LABELS = {"project06": ("true", "false")}


def _named(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in objects:
        if one.name is None:
            yield Fault(one, "has no name of its own", "set metadata.name")


def _owned(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Namespace"):
        for word in MANDATORY_LABELS:
            key = ground.words.key(word)
            value = one.labels.get(key)
            allowed = ANSWERED_LABELS.get(word)
            if not value or (allowed and value not in allowed):
                yield Fault(one, f"label {key} is {value or 'missing'}", "take the system's marks")


def _owned_demands(ground: Ground) -> list[Demand]:
    found = []
    for word in MANDATORY_LABELS:
        key = ground.words.key(word)
        allowed = ANSWERED_LABELS.get(word)
        is_right = f"{cel.label(key)} in {cel.texts(allowed)}" if allowed else f"{cel.label(key)} != ''"
        found.append(Demand(is_right, f"label {key} is missing" + (" or neither true nor false" if allowed else "")))
    return found


def _restricted(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Namespace"):
        if one.labels.get(POD_SECURITY) != RESTRICTED:
            yield Fault(one, f"{POD_SECURITY} is not {RESTRICTED}", f"label it {POD_SECURITY}: {RESTRICTED}")


def _restricted_demands(_ground: Ground) -> list[Demand]:
    is_right = f"{cel.label(POD_SECURITY)} == {cel.text(RESTRICTED)}"
    return [Demand(is_right, f"label {POD_SECURITY} is not {RESTRICTED}")]


def _limited(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Namespace"):
        for kind in ("ResourceQuota", "LimitRange"):
            if not any(other.namespace == one.name for other in of_kind(objects, kind)):
                yield Fault(one, f"has no {kind}", "declare one from the system's quota")


def _closed(objects: Sequence[Declared], _ground: Ground) -> Iterator[Fault]:
    for one in of_kind(objects, "Namespace"):
        inside = [other for other in of_kind(objects, "NetworkPolicy") if other.namespace == one.name]
        for direction in ("Ingress", "Egress"):
            if not any(_denies(policy.spec, direction) for policy in inside):
                yield Fault(one, f"{direction} is not denied by default", "declare default-deny")


def _denies(spec: Mapping[str, Any], direction: str) -> bool:
    """Whether a policy is for all pods and allows nothing in this direction (an empty list allows nothing)."""
    everyone = spec.get("podSelector") == {}
    return everyone and direction in spec.get("policyTypes", ()) and not spec.get(direction.lower())


def _roomed(objects: Sequence[Declared], ground: Ground) -> Iterator[Fault]:
    """What is declared for a move stands in the room of the system that it goes to, which another stack guards."""
    rooms = {one.name for one in of_kind(objects, "Namespace")}
    for one in objects:
        move = ground.move_of(one)
        guarded = rooms | ({move.room.id} if move else set())
        if not one.is_cluster_wide and one.namespace not in guarded:
            yield Fault(one, "stands outside the declared namespaces", "give it a system's room")


NAMED = Rule(
    "named",
    "a generated name makes every replacement a new object that nobody knows",
    "rule of this project",
    "A",
    _named,
    alone=True,
)
OWNED = Rule(
    "owned",
    "a namespace says who answers for it, how soon it must be back, how well it is protected, and whether it is of"
    " Project 06",
    "Decree 331/2026 for owner and level; Circular 46/2022/TT-BCA for Project 06",
    "R1",
    _owned,
    alone=True,
    admission=Admission((cel.NAMESPACES,), _owned_demands),
)
RESTRICTED_ROOM = Rule(
    "restricted",
    "the API server itself refuses pods with more rights than they need",
    "Kubernetes Pod Security Standards, profile restricted",
    "V30",
    _restricted,
    alone=True,
    admission=Admission((cel.NAMESPACES,), _restricted_demands),
)
LIMITED = Rule(
    "limited",
    "one system cannot starve the others: a quota for its namespace, limits for its containers",
    "rule of this project",
    "A",
    _limited,
    alone=False,
)
CLOSED = Rule(
    "closed",
    "what no flow allows is denied, in both directions and for every pod",
    "Decree 331/2026, Art. 30.8: access between systems is controlled",
    "R1",
    _closed,
    alone=False,
)
ROOMED = Rule(
    "roomed",
    "nothing is put into a namespace that the same stack does not guard, but what is declared for a move into it",
    "rule of this project",
    "A",
    _roomed,
    alone=False,
)
