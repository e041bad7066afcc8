"""The same evidence for programs: CSV for spreadsheets, JUnit for build servers; the checks that count today."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

from province.verify.evidence import Record
from province.verify.outcome import Outcome
from province.verify.pages.view import Report

COLUMNS = (
    "host", "commune", "body", "site", "controls", "test", "outcome", "seen", "expected", "message", "time",
    "boot", "manifest", "plan", "commands", "commit", "verifier", "run",
)  # fmt: skip

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell (CWE-1236)."""

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold; what a host printed may have any."""


def counted(report: Report) -> list[Record]:
    """The records that count, host by host in the model's order; hosts that are no longer in it are left out."""
    return [record for name in report.fleet.hosts for record in report.records.get(name, {}).values()]


def as_csv(report: Report) -> str:
    """One line for each host and check, with a byte-order mark so that spreadsheets take it for UTF-8."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for record in counted(report):
        body = record.model_dump(mode="json") | {"controls": " ".join(map(str, record.controls))}
        writer.writerow([cell(body[name]) for name in COLUMNS])
    return "\ufeff" + text.getvalue()


def as_junit(report: Report) -> str:
    """A suite for each host. Failed is `failure`; unreachable and unknown are `error`; waived is `skipped`."""
    root = ElementTree.Element("testsuites", name=f"province {report.fleet.environment.id}")
    for name in report.fleet.hosts:
        records = list(report.records.get(name, {}).values())
        counts = {outcome: sum(one.outcome is outcome for one in records) for outcome in Outcome}
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(records)),
            failures=str(counts[Outcome.FAIL]),
            errors=str(counts[Outcome.UNREACHABLE] + counts[Outcome.UNKNOWN]),
            skipped=str(counts[Outcome.WAIVED]),
            time=f"{sum(one.seconds for one in records):.3f}",
        )
        for record in records:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{name}.{record.subject}", name=record.test, time=f"{record.seconds:.3f}"
            )
            if element := _ELEMENTS.get(record.outcome):
                said = NOT_XML.sub("\ufffd", record.message)
                ElementTree.SubElement(
                    case, element, type=str(record.outcome), message=said.partition("\n")[0]
                ).text = said
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_ELEMENTS = {
    Outcome.FAIL: "failure",
    Outcome.UNREACHABLE: "error",
    Outcome.UNKNOWN: "error",
    Outcome.WAIVED: "skipped",
}


def cell(value: object) -> str:
    """A value as a spreadsheet shows it: text that it would take for a formula is marked as text."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
