"""Drafts of what the national centre gets: the first notice, and the report on the cause.

Only what the model knows, the opening's `what`, public lines of the timeline, cause and remedy are repeated. What is
not known is named as missing, never made up; a person reads, signs and sends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.register import PROVINCE, IncidentContact
from province.incident.entry import Notice
from province.incident.incident import Incident
from province.incident.letters import fill
from province.incident.terms import DUTIES, hours_of, terms_of

NATIONAL_CENTRE = "national-security-monitoring"
"""The endpoint of the national centre: who the reports go to."""


@dataclass(frozen=True)
class Draft:
    """A text in Vietnamese (Markdown), and what it still lacks: keys of `missing` in `incident-words.yml`."""

    text: str
    missing: tuple[str, ...]


def draft(fleet: Fleet, incident: Incident, notice: Notice, now: datetime) -> Draft:
    """The report as far as it can be filled in at a moment. ProvinceError for an incident of another environment."""
    if incident.opened.environment != fleet.environment.id:
        raise ProvinceError(
            f"{incident.id} belongs to environment {incident.opened.environment!r}",
            hint=f"repeat it with -e {incident.opened.environment}",
            exit_code=ExitCode.USAGE,
        )
    centre = fleet.endpoints.get(NATIONAL_CENTRE)
    duty = fleet.registers.duties.get(DUTIES[notice])
    if centre is None or duty is None:
        key, file = (NATIONAL_CENTRE, "endpoints") if centre is None else (DUTIES[notice], "registers/duties")
        raise BadData([Finding(file, key, "", "missing", "no report can be addressed without it")])
    contact = fleet.registers.incident_contacts.get(PROVINCE)
    missing = tuple(_missing(incident, notice, contact, bool(centre.fit_for_production)))
    term = next((one for one in terms_of(incident, hours_of(fleet.registers)) if one.notice is notice), None)
    text = fill(
        "incident-notice.md.j2",
        incident=incident,
        notice=notice.value,
        made=now,
        recipient=centre.name.vi,
        address=centre.host if centre.fit_for_production else None,
        owner=fleet.owners[duty.owner].name.vi,
        province=fleet.province.name.vi,
        contact=f"{contact.name}, {contact.phone}" if contact and contact.name and contact.phone else None,
        due=term.due if term else None,
        communes=communes_of(fleet, incident),
        systems=[(fleet.systems.get(one) or fleet.platform[one]).name.vi for one in incident.opened.systems],
        first=incident.sent(Notice.FIRST),
        missing=missing,
    )
    return Draft(text, missing)


def communes_of(fleet: Fleet, incident: Incident) -> list[str]:
    """Names of the communes that are named, or whose hosts are; a commune that merged since is told by its code."""
    return [fleet.communes[code].name if code in fleet.communes else code for code in codes_of(fleet, incident)]


def codes_of(fleet: Fleet, incident: Incident) -> list[str]:
    """Codes of the communes that are named, or whose hosts are."""
    nodes = {host.name: host.commune for host in fleet.nodes}
    return sorted({*incident.opened.communes, *(code for one in incident.opened.hosts if (code := nodes.get(one)))})


def _missing(incident: Incident, notice: Notice, contact: IncidentContact | None, known: bool) -> Iterator[str]:
    if contact is None or not (contact.name and contact.phone):
        yield "contact"
    elif not contact.verified:
        yield "unverified"
    if not known:
        yield "recipient"
    if not incident.public_notes:
        yield "measures"
    if notice is Notice.CAUSE:
        if incident.closed is None:
            yield from ("cause", "remedy")
        if incident.sent(Notice.FIRST) is None:
            yield "first"
