"""The annual report: from 15 December to 14 December by the local calendar, exercises in no figure."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.fleet.calendar import LOCAL
from province.fleet.duty import Yearly
from province.fleet.fleet import Fleet
from province.incident import annual
from province.incident.entry import Gravity, Layer, Notice

from .incident_cases import HOURS, NOW, closing, incident, opening, sent

YEARLY = Yearly(begins="12-15", due="12-20", summary_due="12-25")
IN_2026 = annual.period(2026, YEARLY)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=LOCAL)


def test_the_days_are_those_of_the_register_of_duties(fleet: Fleet) -> None:
    assert annual.yearly_of(fleet.registers) == YEARLY
    assert (
        annual.Period(2026, date(2025, 12, 15), date(2026, 12, 14), date(2026, 12, 20), date(2026, 12, 25)) == IN_2026
    )


@pytest.mark.parametrize(
    ("detected", "year"),
    [
        (local(2025, 12, 14, 23, 59), 2025),
        (local(2025, 12, 15), 2026),
        (local(2026, 12, 14, 23, 59), 2026),
        (local(2026, 12, 15), 2027),
        (datetime(2026, 12, 14, 16, 59, tzinfo=UTC), 2026),
        (datetime(2026, 12, 14, 17, 0, tzinfo=UTC), 2027),
    ],
)
def test_the_last_local_minute_of_a_year_belongs_to_it(detected: datetime, year: int) -> None:
    one = incident(opening(detected=detected))
    assert [wanted for wanted in range(2024, 2029) if annual.period(wanted, YEARLY).holds(one)] == [year]


@given(st.datetimes(min_value=datetime(2010, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_belongs_to_one_year_alone(detected: datetime) -> None:
    one = incident(opening(detected=detected))
    years = [year for year in range(detected.year - 1, detected.year + 3) if annual.period(year, YEARLY).holds(one)]
    assert len(years) == 1


@given(st.integers(min_value=2000, max_value=9998))
def test_years_follow_without_a_gap(year: int) -> None:
    assert annual.period(year, YEARLY).last + timedelta(days=1) == annual.period(year + 1, YEARLY).first


def test_counts_and_times() -> None:
    found = (
        incident(opening(), sent(Notice.FIRST, timedelta(hours=2))),
        incident(opening(), sent(Notice.FIRST, timedelta(hours=30))),
        incident(opening(layer=Layer.NATIONAL)),
        incident(opening(gravity=Gravity.ORDINARY)),
    )
    assert dict(annual.counts(found)) == {
        Layer.ON_SITE: [0, 0],
        Layer.MONITORING: [1, 2],
        Layer.EXAMINATION: [0, 0],
        Layer.NATIONAL: [0, 1],
    }
    assert annual.times(found, Notice.FIRST, HOURS, NOW) == annual.Times(3, 2, 1, (2.0, 16.0, 30.0))
    assert annual.times(found, Notice.CAUSE, HOURS, NOW) == annual.Times(3, 0, 0, None)


@pytest.mark.proves(76)
def test_exercises_are_in_no_figure_of_the_others(fleet: Fleet) -> None:
    real, played = incident(opening(), closing()), incident(opening("exercise-2026-0001", what="Diễn tập | mất nút"))
    text = annual.as_markdown(fleet, IN_2026, (real,), (played,), hours=HOURS, now=NOW)
    incidents, exercises = text.split("## B. Diễn tập")
    assert "## A. Sự cố: 1" in incidents
    assert "| Lớp 2: giám sát, bảo vệ chuyên nghiệp | 0 | 1 | 1 |" in incidents
    assert "exercise" not in incidents
    assert "incident" not in exercises
    assert "Diễn tập \\| mất nút" in exercises
    assert "15/12/2025 đến hết ngày 14/12/2026" in text
    assert "Hạn gửi Bộ: 20/12/2026; hạn tổng hợp: 25/12/2026" in text


@pytest.mark.parametrize(("now", "running"), [(local(2026, 12, 14, 23, 59), True), (local(2026, 12, 15), False)])
def test_a_year_that_is_not_over_says_so(fleet: Fleet, now: datetime, running: bool) -> None:
    text = annual.as_markdown(fleet, IN_2026, (), (), hours=HOURS, now=now)
    assert ("kỳ báo cáo chưa kết thúc" in text) is running


def test_every_table_has_rows_of_one_width(fleet: Fleet) -> None:
    text = annual.as_markdown(fleet, IN_2026, (incident(opening(), closing()),), (), hours=HOURS, now=NOW)
    for block in text.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({row.replace("\\|", "").count("|") for row in rows}) <= 1, block
        assert not rows or set(rows[1]) <= set("|-:"), block


def test_the_table_for_programs_has_no_formula_and_no_reporter() -> None:
    text = annual.as_csv([incident(opening(what='=HYPERLINK("x")'), sent(Notice.FIRST, timedelta(hours=2)), closing())])
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert row["what"] == '\'=HYPERLINK("x")'
    assert (row["first_notice_hours"], row["cause_report_hours"], row["cause"]) == ("2.00", "", "Khóa bị lộ")
    assert "Nguyễn Văn A" not in text
