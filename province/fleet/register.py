"""The registers: lists and figures that the province has to keep, and that no machine can compute.

`registers/<name>.yml` holds one register: `expected` (what a source says it must add up to), and `rows`. What no
source names stays null. The file's name is the field of `Registers`, with hyphens for underscores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt

from province.fleet.benchmark import BenchmarkRow
from province.fleet.calendar import Freeze
from province.fleet.cloud import CloudRequirement
from province.fleet.duty import Duty
from province.fleet.fact import DomainName, Fact, FeatureId, Figure, Names, NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.meeting_rooms import MeetingRoom
from province.fleet.policy import PolicyException, Project06Approval
from province.fleet.references import unresolved
from province.fleet.row import Row
from province.fleet.secret import Secret
from province.fleet.sensors import Device
from province.fleet.updates import Hold, Release
from province.fleet.work_record import WorkRecord

PROVINCE = "province"
"""The scope of what is not a commune's."""


class TaskStatus(StrEnum):
    """How far a task of Project 06 is; completed ones are maintained."""

    COMPLETED = "completed"
    IN_PROGRESS = "in-progress"
    ONGOING = "ongoing"


class Project06Task(Row):
    """One task of Project 06. The number is ours, because the source only counts them."""

    number: PositiveInt
    status: TaskStatus
    name: Names | None = None


class PlatformStatus(StrEnum):
    """Whether a digital platform of the province is there."""

    DEPLOYED = "deployed"
    MISSING = "missing"


class DigitalPlatform(Row):
    """One digital platform that the province has to have; the source counts them and names none."""

    number: PositiveInt
    status: PlatformStatus
    name: Names | None = None


class PortalService(Row):
    """One online service that had to be connected to the national portal."""

    number: PositiveInt
    name: Names | None = None


class IncidentContact(Row):
    """Who answers when something happens: for the province, or for one commune (its code is the scope)."""

    scope: NonBlank
    name: NonBlank | None = None
    phone: NonBlank | None = None
    verified: bool = False


class Indicator(Row):
    """A published number about the province, for sizing and targets."""

    id: Slug
    name: Names
    figure: Figure
    features: tuple[FeatureId, ...] = ()


class RecordSet(Row):
    """A list that has to be kept somewhere: what it is, how long it should be, who keeps it.

    `indicator` names the published number of its entries. `kept_in` is null until somebody has shown us the list;
    then `verified` may turn true.
    """

    id: Slug
    name: Names
    owner: Slug
    indicator: Slug | None = None
    kept_in: NonBlank | None = None
    verified: bool = False
    note: NonBlank | None = None
    features: tuple[FeatureId, ...] = ()


class Rule(Row):
    """Something that must stay true, in one sentence, and what will show that it is."""

    id: Slug
    name: Names
    statement: NonBlank
    shown_by: NonBlank
    source: SourceRef
    features: tuple[FeatureId, ...] = ()


class EdgeService(Row):
    """What stands behind a commune's node: in which of its zones, and whether in every commune."""

    id: Slug
    name: Names
    zone: Slug
    everywhere: bool
    statement: NonBlank
    source: SourceRef
    features: tuple[FeatureId, ...] = ()


class NetworkService(Row):
    """A network beside the lines of the communes, or a rule of how traffic of one kind is carried."""

    id: Slug
    name: Names
    statement: NonBlank
    reaches_tslcd: bool
    source: SourceRef
    verified: bool = False
    features: tuple[FeatureId, ...] = ()


class Standard(Row):
    """A law, standard or benchmark in the exact version that the model follows."""

    id: Slug
    name: Names
    version: NonBlank
    source: SourceRef
    replaces: NonBlank | None = None
    note: NonBlank | None = None
    features: tuple[FeatureId, ...] = ()


class BlockedName(Row):
    """A DNS name that no resolver of the province answers for, with everything below it, and why."""

    id: DomainName
    reason: NonBlank
    source: SourceRef


class Expected(Fact):
    """What a source says a register adds up to: the number of rows, and of rows in each status."""

    total: NonNegativeInt
    by_status: dict[str, NonNegativeInt] = Field(default_factory=dict)
    source: SourceRef
    verified: bool = False


RowT = TypeVar("RowT", bound=Row)


class Register(Fact, Generic[RowT]):
    """A list of rows of one kind; `features` are rows of the mission that the list as a whole declares."""

    features: tuple[FeatureId, ...] = ()
    expected: Expected | None = None
    note: NonBlank | None = None
    rows: tuple[RowT, ...]

    def get(self, key: str) -> RowT | None:
        """The row with this key, if there is one."""
        return next((row for row in self.rows if row.key == key), None)


class Registers(Fact):
    """All registers; each field is one file."""

    project06_tasks: Register[Project06Task]
    platforms: Register[DigitalPlatform]
    portal_services: Register[PortalService]
    incident_contacts: Register[IncidentContact]
    indicators: Register[Indicator]
    record_sets: Register[RecordSet]
    rules: Register[Rule]
    duties: Register[Duty]
    edge_services: Register[EdgeService]
    network_services: Register[NetworkService]
    standards: Register[Standard]
    blocked_names: Register[BlockedName]
    devices: Register[Device]
    meeting_rooms: Register[MeetingRoom]
    policy_exceptions: Register[PolicyException]
    project06_approvals: Register[Project06Approval]
    cloud_criteria: Register[CloudRequirement]
    cis_kubernetes: Register[BenchmarkRow]
    work_records: Register[WorkRecord]
    secrets: Register[Secret]
    freezes: Register[Freeze]
    update_releases: Register[Release]
    update_holds: Register[Hold]

    @property
    def unnamed_contacts(self) -> tuple[str, ...]:
        """Scopes whose incident contact nobody has named yet."""
        return tuple(row.scope for row in self.incident_contacts.rows if row.name is None)

    def version_of(self, standard: str) -> str:
        """The version of a standard that the model follows; "" for one that is not in the register."""
        row = self.standards.get(standard)
        return row.version if row else ""

    def by_name(self) -> dict[str, Register[Any]]:
        """Each register under the name of its file."""
        return {name.replace("_", "-"): getattr(self, name) for name in type(self).model_fields}


def check_registers(
    registers: Registers, *, communes: Collection[str], zones: Collection[str], origins: Mapping[str, str]
) -> list[Finding]:
    """Sums agree with their sources, no row stands twice, every commune and the province have a contact.

    `communes` are codes, `zones` names of the communes' zones, `origins` maps "registers/<name>" to a file.
    """
    found: list[Finding] = []
    for name, register in registers.by_name().items():
        file = origins.get(f"registers/{name}", f"registers/{name}")
        found += _twice(file, register.rows)
        if register.expected is not None:
            found += _sums(file, register.expected, register.rows)
    contacts = origins.get("registers/incident-contacts", "registers/incident-contacts")
    found += _contacts(contacts, registers.incident_contacts.rows, communes)
    records = origins.get("registers/record-sets", "registers/record-sets")
    indicators = [indicator.id for indicator in registers.indicators.rows]
    for record in registers.record_sets.rows:
        if record.indicator is not None:
            found += unresolved(records, f"rows.{record.id}.indicator", record.indicator, indicators, "indicator")
    edge = origins.get("registers/edge-services", "registers/edge-services")
    for service in registers.edge_services.rows:
        found += unresolved(edge, f"rows.{service.id}.zone", service.zone, zones, "zone of a commune")
    return found


def _twice(file: str, rows: Iterable[Row]) -> list[Finding]:
    counts = Counter(row.key for row in rows)
    return [
        Finding(file, f"rows.{key}", str(count), "stands more than once", "keep one of them")
        for key, count in counts.items()
        if count > 1
    ]


def _sums(file: str, expected: Expected, rows: Collection[Row]) -> list[Finding]:
    found = []
    mend = f"correct the rows, or `expected` with a newer source than {expected.source}"
    if len(rows) != expected.total:
        problem = f"the source counts {expected.total} rows"
        found.append(Finding(file, "rows", str(len(rows)), problem, mend))
    counts = Counter(row.counted_as for row in rows)
    for status, count in expected.by_status.items():
        if counts[status] != count:
            problem = f"the source counts {count} rows that are {status}"
            found.append(Finding(file, "rows", str(counts[status]), problem, mend))
    if expected.by_status and sum(expected.by_status.values()) != expected.total:
        total = str(sum(expected.by_status.values()))
        found.append(Finding(file, "expected.by_status", total, f"does not add up to {expected.total}", mend))
    return found


def _contacts(file: str, rows: Iterable[IncidentContact], communes: Collection[str]) -> list[Finding]:
    scopes = {row.scope for row in rows}
    wanted = {PROVINCE, *communes}
    missing = [
        Finding(file, "rows", scope, "has no incident contact", "add a row for it; what is not known stays null")
        for scope in sorted(wanted - scopes)
    ]
    return missing + [
        finding for scope in sorted(scopes - wanted) for finding in unresolved(file, "rows", scope, wanted, "commune")
    ]
