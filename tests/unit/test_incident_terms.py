"""The terms of the law: to the minute, from the detection, for serious incidents alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.incident.entry import Gravity, Notice
from province.incident.terms import TermState, hours_of, late, terms_of

from .conftest import Edit
from .incident_cases import DETECTED, HOURS, closing, incident, note, opening, sent

MINUTE = timedelta(minutes=1)
LENGTHS = [(Notice.FIRST, timedelta(hours=24)), (Notice.CAUSE, timedelta(hours=72))]


@pytest.mark.proves(76)
@pytest.mark.parametrize(("notice", "length"), LENGTHS)
def test_a_term_is_late_after_its_last_minute_and_not_before(notice: Notice, length: timedelta) -> None:
    (term,) = (one for one in terms_of(incident(opening()), HOURS) if one.notice is notice)
    assert term.due == DETECTED + length
    assert term.state(term.due - MINUTE) is TermState.DUE
    assert term.state(term.due) is TermState.DUE
    assert term.state(term.due + MINUTE) is TermState.LATE


@pytest.mark.parametrize(("notice", "length"), LENGTHS)
def test_what_was_sent_in_the_last_minute_is_in_time_for_ever(notice: Notice, length: timedelta) -> None:
    for taken, state in ((length, TermState.IN_TIME), (length + MINUTE, TermState.SENT_LATE)):
        found = terms_of(incident(opening(), sent(notice, taken)), HOURS)
        (term,) = (one for one in found if one.notice is notice)
        assert term.state(DETECTED + timedelta(days=400)) is state


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9)))
def test_an_incident_is_late_exactly_while_a_report_is_overdue(passed: timedelta) -> None:
    first_sent = incident(opening(), sent(Notice.FIRST, timedelta(hours=1)))
    assert late(incident(opening()), HOURS, DETECTED + passed) == (passed > timedelta(hours=24))
    assert late(first_sent, HOURS, DETECTED + passed) == (passed > timedelta(hours=72))


def test_an_ordinary_incident_has_no_term_until_it_is_called_serious() -> None:
    ordinary = opening(gravity=Gravity.ORDINARY)
    assert terms_of(incident(ordinary), HOURS) == ()
    graver = incident(ordinary, note("Lan sang nút khác", gravity=Gravity.SERIOUS))
    assert [term.due - DETECTED for term in terms_of(graver, HOURS)] == list(HOURS.values())


def test_the_end_of_an_incident_ends_no_term() -> None:
    assert late(incident(opening(), closing()), HOURS, DETECTED + timedelta(hours=25))


def test_the_first_time_that_a_report_was_sent_counts() -> None:
    twice = incident(opening(), sent(Notice.FIRST, timedelta(hours=30)), sent(Notice.FIRST, timedelta(hours=2)))
    assert terms_of(twice, HOURS)[0].state(DETECTED) is TermState.IN_TIME


def test_the_hours_are_those_of_the_register_of_duties(fleet: Fleet, data: Path, edit: Edit) -> None:
    assert hours_of(fleet.registers) == HOURS
    edit("fleet/registers/duties.yml", "    within_hours: 72\n", "")
    with pytest.raises(BadData, match=r"rows\.incident-cause-report\.within_hours: missing"):
        hours_of(load_fleet("production", data).registers)
