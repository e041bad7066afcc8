"""What people have to do: who, what, and by when where a law says so."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, PositiveInt, StringConstraints

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, Slug, SourceRef
from province.fleet.row import Row


def _day_of_a_year(value: str) -> str:
    dt.date.fromisoformat(f"2001-{value}")
    return value


MonthDay = Annotated[str, StringConstraints(pattern=r"^\d\d-\d\d$"), AfterValidator(_day_of_a_year)]
"""A day of every year, `12-15`; not 29 February."""


class Yearly(Fact):
    """A year that is reported on: it begins on a day, ends the day before the next begins, and is due after that."""

    begins: MonthDay
    due: MonthDay
    summary_due: MonthDay


class Duty(Row):
    """Something people do: who and what; where a law says so, within how many hours of the event or when each year."""

    id: Slug
    name: Names
    owner: Slug
    statement: NonBlank
    within_hours: PositiveInt | None = None
    yearly: Yearly | None = None
    source: SourceRef
    features: tuple[FeatureId, ...] = ()
