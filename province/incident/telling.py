"""Incidents as the command shows them: lines for people, values for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from province.fleet.fleet import Fleet
from province.fleet.register import PROVINCE
from province.incident.clock import shown, span
from province.incident.entry import Closed, Later, Noted
from province.incident.incident import Incident
from province.incident.notice import codes_of
from province.incident.terms import Hours, Term, TermState, terms_of


def lines(incident: Incident, hours: Hours, now: datetime) -> Iterator[str]:
    """What it is, and one line for each report that it asks for."""
    opened = incident.opened
    marked = "EXERCISE  " if opened.exercise else ""
    state = "closed" if incident.closed else "open"
    yield f"{marked}{incident.id}  {incident.gravity}  {state}  detected {shown(opened.detected)}  {opened.what}"
    for term in terms_of(incident, hours):
        yield f"  {term.notice} report: {_stands(term, now)}"


def timeline(incident: Incident) -> Iterator[str]:
    """Every entry, oldest first, and the last hash."""
    opened = incident.opened
    where = ", ".join((*opened.hosts, *opened.systems, *opened.communes))
    yield f"{shown(opened.time)}  {opened.by}  opened, found by {opened.layer}, reported by {opened.reporter}: {where}"
    yield f"{shown(opened.time)}  {opened.by}  {opened.gravity}: {opened.reason}"
    for one in incident.later:
        yield f"{shown(one.time)}  {one.by}  {_told(one)}"
    if incident.torn:
        yield f"the last line was cut off while it was written ({incident.torn} bytes): it was never acknowledged"
    yield f"chain {incident.head}"


def body(incident: Incident, hours: Hours, now: datetime) -> dict[str, Any]:
    """The same for programs; times in UTC."""
    return {
        "id": incident.id,
        "exercise": incident.opened.exercise,
        "gravity": incident.gravity,
        "layer": incident.opened.layer,
        "what": incident.opened.what,
        "closed": incident.closed is not None,
        "detected": incident.opened.detected,
        "terms": [
            {
                "notice": term.notice,
                "due": term.due,
                "sent": term.sent,
                "state": term.state(now),
                "seconds_left": None if term.sent else int((term.due - now).total_seconds()),
            }
            for term in terms_of(incident, hours)
        ],
        "torn": incident.torn,
        "chain": incident.head,
    }


def whom_to_call(fleet: Fleet, incident: Incident) -> str:
    """The contacts of the province and of the communes concerned; who is not named is told, too."""
    told = []
    for scope in (PROVINCE, *codes_of(fleet, incident)):
        contact = fleet.registers.incident_contacts.get(scope)
        place = fleet.communes[scope].name if scope in fleet.communes else scope
        known = contact and contact.name
        told.append(
            f"{place}: {contact.name} {contact.phone or ''}".rstrip()
            if contact and known
            else f"{place}: nobody is named"
        )
    return "call " + "; ".join(told)


def _stands(term: Term, now: datetime) -> str:
    match term.state(now):
        case TermState.DUE:
            return f"due {shown(term.due)}, in {span(term.due - now)}"
        case TermState.LATE:
            return f"LATE, was due {shown(term.due)}, {span(now - term.due)} ago"
        case TermState.IN_TIME:
            return f"sent {shown(term.sent or now)}, in time"
        case TermState.SENT_LATE:
            return f"sent {shown(term.sent or now)}, {span((term.sent or now) - term.due)} late"


def _told(one: Later) -> str:
    if isinstance(one, Noted):
        graver = f"now {one.gravity}: " if one.gravity else ""
        return f"{graver}{one.text}{'  (public)' if one.public else ''}"
    if isinstance(one, Closed):
        return f"closed. Cause: {one.cause} Remedy: {one.remedy}"
    return f"{one.notice} report sent at {shown(one.sent)}, number {one.reference}"
