"""What a rule over cluster objects is: reason, source, a check in Python, and the same in CEL where CEL can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.policy.ground import Ground
from infra.policy.record import Declared
from province.fleet.fact import SourceRef


@dataclass(frozen=True)
class Fault:
    """One object that breaks a rule: what is wrong with it, and how to mend it."""

    object: Declared
    problem: str
    mend: str


Check = Callable[[Sequence[Declared], Ground], Iterator[Fault]]


@dataclass(frozen=True)
class Resources:
    """Kinds of objects that the API server asks a rule about, as they stand in its paths."""

    group: str
    version: str
    plurals: tuple[str, ...]


@dataclass(frozen=True)
class Demand:
    """One condition in CEL that must be true, and the problem to name when it is not."""

    condition: str
    problem: str


@dataclass(frozen=True)
class Admission:
    """The rule as the API server itself enforces it (ValidatingAdmissionPolicy).

    `demands` are made from the ground, because facts such as names stand in them. `when` limits the rule to objects
    for which all its conditions are true. Expressions see what the API gives them: `object`, `oldObject`,
    `namespaceObject`, `request`, and the `variables` that are defined here.
    """

    resources: tuple[Resources, ...]
    demands: Callable[[Ground], Sequence[Demand]]
    variables: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    when: Callable[[Ground], Mapping[str, str]] = lambda _: {}


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of what a cluster stores.

    `source` is what asks for it, `cites` the row of `sources.yml` through which we know. `alone`: one object is
    enough to judge it; otherwise the check needs everything that a stack declares.
    """

    name: str
    reason: str
    source: str
    cites: SourceRef
    check: Check
    alone: bool
    admission: Admission | None = None

    @property
    def why(self) -> str:
        """Reason and source in one line, as every message carries them."""
        return f"{self.reason} ({self.source})"


@dataclass(frozen=True, order=True)
class Violation:
    """One object that breaks one rule, and how to mend it."""

    rule: str
    object: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.object}: {self.problem} [{self.rule}]; {self.mend}"
