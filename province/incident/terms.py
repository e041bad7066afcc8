"""By when the law wants to hear what: pure functions of what is known and of the clock that is passed in.

Decree 331/2026 (through source R1): the first notice of a serious incident within 24 hours, the report on its cause
within 72 hours. The hours stand in the register of duties; both count from the detection, the stricter reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from province.fleet.findings import BadData, Finding
from province.fleet.register import Registers
from province.incident.entry import Gravity, Notice
from province.incident.incident import Incident

DUTIES = {Notice.FIRST: "first-incident-notice", Notice.CAUSE: "incident-cause-report"}
"""The duty that each report fulfils, by its id in the register of duties."""

Hours = Mapping[Notice, timedelta]


class TermState(StrEnum):
    """How a term stands at a moment."""

    DUE = "due"
    LATE = "late"
    IN_TIME = "in-time"
    """It was sent, and not after its term."""
    SENT_LATE = "sent-late"


@dataclass(frozen=True)
class Term:
    """One report that an incident asks for: by when, and when it was sent."""

    notice: Notice
    due: datetime
    sent: datetime | None

    def state(self, now: datetime) -> TermState:
        """The last moment of the term is still in time."""
        if self.sent is not None:
            return TermState.IN_TIME if self.sent <= self.due else TermState.SENT_LATE
        return TermState.DUE if now <= self.due else TermState.LATE


def hours_of(registers: Registers) -> Hours:
    """The length of each term, from the register of duties. BadData where it is not there."""
    found: dict[Notice, timedelta] = {}
    for notice, id_ in DUTIES.items():
        duty = registers.duties.get(id_)
        if duty is None or duty.within_hours is None:
            mend = "say in `within_hours` what the law says"
            raise BadData([Finding("registers/duties", f"rows.{id_}.within_hours", "", "missing", mend)])
        found[notice] = timedelta(hours=duty.within_hours)
    return found


def terms_of(incident: Incident, hours: Hours) -> tuple[Term, ...]:
    """What an incident asks for; an ordinary one asks for nothing, and closing one ends no term."""
    if incident.gravity is not Gravity.SERIOUS:
        return ()
    return tuple(
        Term(notice, incident.opened.detected + length, sent.sent if (sent := incident.sent(notice)) else None)
        for notice, length in hours.items()
    )


def late(incident: Incident, hours: Hours, now: datetime) -> bool:
    """Whether something that has not been sent yet should have been."""
    return any(term.state(now) is TermState.LATE for term in terms_of(incident, hours))
