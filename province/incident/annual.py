"""The annual report: what happened in a year of the report, exercises apart.

Decree 331/2026 (through source R1): data from 15 December to 14 December of the next year, due on 20 December, the
summary on 25 December. The days stand in the register of duties; they are local ones.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from province.fleet.calendar import LOCAL
from province.fleet.duty import Yearly
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.register import Registers
from province.incident.entry import Gravity, Layer, Notice
from province.incident.incident import Incident
from province.incident.letters import fill, words
from province.incident.notice import communes_of
from province.incident.terms import Hours, TermState, terms_of
from province.verify.pages.exports import cell

DUTY = "annual-incident-report"
COLUMNS = (
    "id", "gravity", "layer", "detected", "opened", "what", "hosts", "systems", "communes", "first_notice",
    "first_notice_hours", "cause_report", "cause_report_hours", "closed", "cause", "remedy",
)  # fmt: skip


@dataclass(frozen=True)
class Period:
    """A year of the report: its first and last local day, and when it is due."""

    year: int
    first: date
    last: date
    due: date
    summary_due: date

    def holds(self, incident: Incident) -> bool:
        """Whether an incident was detected in it, by the local calendar."""
        return self.first <= incident.opened.detected.astimezone(LOCAL).date() <= self.last


@dataclass(frozen=True)
class Times:
    """How long reports of one kind took from the detection, in hours: the shortest, the middle one, the longest.

    `wanted` counts the incidents that asked for one, `sent` those that got it, `in_time` those within their term.
    """

    wanted: int
    sent: int
    in_time: int
    hours: tuple[float, float, float] | None


def yearly_of(registers: Registers) -> Yearly:
    """The days of the annual report. BadData where the register of duties does not say them."""
    duty = registers.duties.get(DUTY)
    if duty is None or duty.yearly is None:
        mend = "say when the year begins and when the report is due"
        raise BadData([Finding("registers/duties", f"rows.{DUTY}.yearly", "", "missing", mend)])
    return duty.yearly


def period(year: int, yearly: Yearly) -> Period:
    """The year of the report that is due in a calendar year."""
    following = date.fromisoformat(f"{year:04}-{yearly.begins}")
    return Period(
        year=year,
        first=date.fromisoformat(f"{year - 1:04}-{yearly.begins}"),
        last=following - timedelta(days=1),
        due=date.fromisoformat(f"{year:04}-{yearly.due}"),
        summary_due=date.fromisoformat(f"{year:04}-{yearly.summary_due}"),
    )


def times(incidents: Iterable[Incident], notice: Notice, hours: Hours, now: datetime) -> Times:
    """How the reports of one kind kept their terms."""
    terms = [(one.opened.detected, term) for one in incidents for term in terms_of(one, hours) if term.notice is notice]
    taken = [(term.sent - detected).total_seconds() / 3600 for detected, term in terms if term.sent]
    in_time = sum(term.state(now) is TermState.IN_TIME for _, term in terms)
    middle = (min(taken), median(taken), max(taken)) if taken else None
    return Times(len(terms), len(taken), in_time, middle)


def counts(incidents: Iterable[Incident]) -> list[tuple[Layer, list[int]]]:
    """How many were found by each layer, one number for each gravity."""
    found = Counter((one.opened.layer, one.gravity) for one in incidents)
    return [(layer, [found[layer, gravity] for gravity in Gravity]) for layer in Layer]


def as_csv(incidents: Iterable[Incident]) -> str:
    """One line for each incident, times in UTC, with a byte-order mark so that spreadsheets take it for UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in incidents:
        writer.writerow([cell(value) for value in _row(one)])
    return "\ufeff" + text.getvalue()


def as_markdown(
    fleet: Fleet, year: Period, incidents: tuple[Incident, ...], exercises: tuple[Incident, ...], *, hours: Hours,
    now: datetime,
) -> str:  # fmt: skip
    """The report in Vietnamese; exercises stand in a part of their own and are in no figure of the others."""
    duty = fleet.registers.duties.get(DUTY)
    parts = [
        {
            "exercises": exercise,
            "rows": [(one, ", ".join(communes_of(fleet, one))) for one in chosen],
            "counts": counts(chosen),
            "times": {notice.value: times(chosen, notice, hours, now) for notice in Notice},
        }
        for exercise, chosen in ((False, incidents), (True, exercises))
    ]
    return fill(
        "incident-year.md.j2",
        year=year,
        parts=parts,
        made=now,
        over=now.astimezone(LOCAL).date() > year.last,
        gravities=list(Gravity),
        province=fleet.province.name.vi,
        owner=fleet.owners[duty.owner].name.vi if duty else "",
    )


def _row(one: Incident) -> tuple[object, ...]:
    opened, names = one.opened, words()
    reports = []
    for notice in Notice:
        sent = one.sent(notice)
        taken = f"{(sent.sent - opened.detected).total_seconds() / 3600:.2f}" if sent else ""
        reports += [sent.sent.isoformat() if sent else "", taken]
    return (
        one.id, names["gravity"][one.gravity], names["layer"][opened.layer], opened.detected.isoformat(),
        opened.time.isoformat(), opened.what, " ".join(opened.hosts), " ".join(opened.systems),
        " ".join(opened.communes), *reports, one.closed.time.isoformat() if one.closed else "",
        one.closed.cause if one.closed else "", one.closed.remedy if one.closed else "",
    )  # fmt: skip
