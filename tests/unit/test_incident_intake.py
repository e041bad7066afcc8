"""What is typed in: every problem of a report at once, in words; nothing that leads to a citizen goes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.incident import intake
from province.incident.clock import parse, shown, span
from province.incident.entry import Gravity, Layer, Notice
from province.incident.minimised import identifiers

from .incident_cases import BY, DETECTED, NOW, incident, opening

CLAIM = intake.Claim(
    gravity=Gravity.SERIOUS,
    layer=Layer.ON_SITE,
    what="Cổng dịch vụ không trả lời",
    hosts=("phu-quoc-party",),
    systems=("e-office",),
    communes=("31078",),
    detected="2026-11-26T07:30",
    reporter="Trực ca",
    reason="Dịch vụ ngừng",
)
ID = "incident-2026-0001"


def problems(fleet: Fleet, claim: intake.Claim) -> list[str]:
    with pytest.raises(BadData) as raised:
        intake.opened(fleet, claim, ID, by=BY, now=NOW)
    return str(raised.value).splitlines()


def test_a_local_time_is_kept_in_utc(fleet: Fleet) -> None:
    made = intake.opened(fleet, CLAIM, ID, by=BY, now=NOW)
    assert made.detected == DETECTED
    assert made.detected.tzinfo is UTC
    assert shown(made.detected) == "2026-11-26 07:30 +07"
    assert parse("2026-11-26T00:30:00Z") == DETECTED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hosts": ("phu-quok-party",)}, '--host: no such host (is phu-quok-party); did you mean "phu-quoc-party"?'),
        ({"systems": ("e-offise",)}, '--system: no such system (is e-offise); did you mean "e-office"?'),
        ({"communes": ("xyz",)}, "--commune: no such commune (five digits) (is xyz); name one that `province show`"),
        ({"detected": "hôm qua"}, "--detected: is no time (is hôm qua); write it as 2026-11-26T07:30"),
        (
            {"detected": "2026-11-26T08:31"},
            "--detected: lies in the future (is 2026-11-26T08:31); it is 2026-11-26 08:30",
        ),
        ({"what": " "}, "--what: must be text without blanks at its ends"),
        ({"what": "Gọi 0912 345 678"}, "--what: goes to others, but holds a telephone number"),
        ({"reason": ""}, "--reason: must be text without blanks at its ends"),
        ({"reporter": "x" * 4001}, "--reporter: string should have at most 4000 characters"),
        ({"what": "\udcff"}, "--what: input should be a valid string, unable to parse raw data as a unicode string"),
        ({"hosts": (), "systems": (), "communes": ()}, "names neither a host, nor a system, nor a commune"),
    ],
)
def test_bad_input_is_one_clear_error(fleet: Fleet, change: dict[str, object], said: str) -> None:
    first, problem, last = problems(fleet, replace(CLAIM, **change))  # type: ignore[arg-type]
    assert first == "province incident open"
    assert problem.startswith(f"  {said}")
    assert last == "1 problem; nothing was changed"


def test_all_problems_of_a_report_are_told_at_once(fleet: Fleet) -> None:
    said = problems(fleet, replace(CLAIM, hosts=("a", "b"), detected="x", what="", reason=""))
    assert said[-1] == "5 problems; nothing was changed"


def test_only_a_public_note_is_looked_through() -> None:
    text = "Công dân gọi từ 0912345678"
    assert intake.noted(text, by=BY, now=NOW, public=False, gravity=None).text == text
    with pytest.raises(BadData, match="a telephone number: say it without"):
        intake.noted(text, by=BY, now=NOW, public=True, gravity=None)


def test_a_cause_and_a_remedy_are_needed() -> None:
    with pytest.raises(BadData, match="2 problems"):
        intake.closed("", "", by=BY, now=NOW)


@pytest.mark.parametrize(
    ("at", "said"), [("2026-11-26T07:29", "is before the detection"), ("2026-11-26T08:31", "lies in the future")]
)
def test_nothing_is_sent_before_the_detection_or_after_now(at: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        intake.sent(incident(opening()), Notice.FIRST, at, "12/BC", by=BY, now=NOW)


def test_a_sent_report_has_a_number() -> None:
    with pytest.raises(BadData, match="--reference: must be text"):
        intake.sent(incident(opening()), Notice.FIRST, "2026-11-26T08:00", "", by=BY, now=NOW)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("căn cước 091088001234", 1),
        ("gọi +84 912 345 678", 1),
        ("gọi 0297.3812345", 1),
        ("a.b@example.vn", 1),
        ("Gọi 0912345678. Căn cước 091088001234.", 2),
        ("198.18.1.12 cổng 65535 lúc 2026-11-26 07:30:00, vé OPS-114, 12/BC-SKHCN", 0),
        ("2001:db8:100::12, băm 3b2b068784b7a0b1", 0),
    ],
)
def test_what_leads_to_a_citizen_is_seen_by_its_form(text: str, kinds: int) -> None:
    assert len(identifiers(text)) == kinds


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - local on purpose
def test_what_is_shown_can_be_typed_again(when: datetime) -> None:
    minute = parse(when.isoformat()).replace(second=0, microsecond=0)
    assert parse(shown(minute).removesuffix(" +07")) == minute


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(hours=3, minutes=5), "3 h 05 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(seconds=9), "9 s"),
    ],
)
def test_a_span_is_told_to_the_minute(length: timedelta, said: str) -> None:
    assert span(length) == said
