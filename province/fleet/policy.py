"""What the rules over cluster objects need from people: exceptions, and approvals to change what is frozen.

The rules themselves are code (`infra/policy`); who may break one, why and until when is a fact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from province.fleet.fact import NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.row import Row
from province.fleet.system import State, System

FROZEN = "frozen"
APPROVAL = "approval"
"""Words, under the province's domain, for the label of what may not change and for the note that names an approval."""

ObjectName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]+/[^\s/]+$")]
"""An object of the cluster that stands in no namespace: `<Kind>/<name>`."""


class PolicyException(Row):
    """Leave to break named rules: for all that one namespace holds, or for one object that stands in none.

    It holds up to and including the day `expires`; then the rules find what they found before. The API server goes
    on accepting it until the row is gone, so that a date alone never stops what a cluster runs on.
    """

    id: Slug
    rules: Annotated[tuple[Slug, ...], Field(min_length=1)]
    namespace: Slug | None = None
    object: ObjectName | None = None
    reason: NonBlank
    owner: Slug
    expires: date

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.namespace is None) == (self.object is None):
            raise ValueError("an exception names either a namespace or an object outside all namespaces")
        return self

    def holds(self, today: date) -> bool:
        """Whether its last day is not over."""
        return today <= self.expires


class Project06Approval(Row):
    """Leave to change a system of Project 06 that is in operation, after the change was examined.

    Source: Circular 46/2022/TT-BCA: examination before connection, and again after a change of the design.
    """

    id: Slug
    system: Slug
    change: NonBlank
    approved_by: NonBlank
    since: date
    until: date
    source: SourceRef

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until < self.since:
            raise ValueError("`until` is before `since`")
        return self

    def holds(self, today: date) -> bool:
        """Whether the change may be made on this day."""
        return self.since <= today <= self.until


def is_frozen(system: System) -> bool:
    """Whether a system may change only under an approval: it is of Project 06, and in operation."""
    return system.project06 and system.state is State.RUNNING


def approved_systems(approvals: Iterable[Project06Approval], today: date) -> frozenset[str]:
    """The systems of Project 06 that may be changed on a day."""
    return frozenset(one.system for one in approvals if one.holds(today))


def check_policy(
    exceptions: Iterable[PolicyException],
    approvals: Iterable[Project06Approval],
    *,
    systems: Mapping[str, System],
    origins: Mapping[str, str],
) -> list[Finding]:
    """No system is excepted from any rule, and approvals name systems of Project 06."""
    found: list[Finding] = []
    file = origins.get("registers/policy-exceptions", "registers/policy-exceptions")
    for exception in exceptions:
        if exception.namespace in systems:
            key = f"rows.{exception.id}.namespace"
            problem = "is the room of a system, and systems keep every rule"
            mend = "change the system; only what a cluster runs for itself may be excepted"
            found.append(Finding(file, key, str(exception.namespace), problem, mend))
    file = origins.get("registers/project06-approvals", "registers/project06-approvals")
    seen: set[str] = set()
    for approval in approvals:
        found += _approval(file, approval, systems)
        if approval.system in seen:
            key = f"rows.{approval.id}.system"
            found.append(Finding(file, key, approval.system, "has two approvals", "remove the one that is over"))
        seen.add(approval.system)
    return found


def _approval(file: str, approval: Project06Approval, systems: Mapping[str, System]) -> list[Finding]:
    key = f"rows.{approval.id}.system"
    if approval.system not in systems:
        names: Collection[str] = [id_ for id_, system in systems.items() if system.project06]
        return unresolved(file, key, approval.system, names, "system of Project 06")
    if not systems[approval.system].project06:
        return [Finding(file, key, approval.system, "is not of Project 06", "it needs no approval: remove the row")]
    return []
