"""Times of incidents: UTC in files, the province's own clock for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

from province.fleet.calendar import LOCAL


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time with its offset, kept in UTC."""


def parse(text: str) -> datetime:
    """A time as somebody typed it (ISO 8601); without an offset it is local. ValueError for anything else."""
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=LOCAL)).astimezone(UTC)


def shown(when: datetime) -> str:
    """A time for a table: local, to the minute, with its offset."""
    return f"{when.astimezone(LOCAL):%Y-%m-%d %H:%M} +07"


def spoken(when: datetime) -> str:
    """A time as a Vietnamese letter writes it."""
    return f"{when.astimezone(LOCAL):%H giờ %M phút, ngày %d/%m/%Y}"


def span(length: timedelta) -> str:
    """How long something is, to the minute, without a sign; less than a minute is told in seconds."""
    seconds = abs(int(length.total_seconds()))
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
