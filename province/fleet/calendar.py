"""When changes may be made: the windows of hosts, and the freezes of the province.

A window is a time of the week in which hosts may be changed or systems moved; hosts without one may be changed at any
time. A freeze is a span of days, both included, in which nothing of its kind is done anywhere. Times are local.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from province.fleet.fact import Fact, Names, NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.row import Row

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet
    from province.fleet.hosts import Host

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")
"""The one zone of the country, UTC+7 without summer time; days and terms that people read are counted in it."""

TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


class Window(Fact):
    """Hours of some days of the week, the last minute left out; one that ends before it begins ends on the next day."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    begins: TimeOfDay
    ends: TimeOfDay
    source: SourceRef

    @model_validator(mode="after")
    def _ends_another_time(self) -> Self:
        if self.ends == self.begins:
            raise ValueError("`ends` is `begins`: a window of no length, or of a whole day, is none")
        return self

    def holds(self, now: dt.datetime) -> bool:
        """Whether it is open."""
        here, days = now.astimezone(LOCAL), list(Weekday)
        clock = f"{here:%H:%M}"
        today, yesterday = days[here.weekday()] in self.days, days[here.weekday() - 1] in self.days
        if self.begins < self.ends:
            return today and self.begins <= clock < self.ends
        return (today and clock >= self.begins) or (yesterday and clock < self.ends)

    def __str__(self) -> str:
        return f"{' '.join(self.days)} {self.begins}-{self.ends}"


class FreezeKind(StrEnum):
    """What is not done during a freeze: changes of hosts, or a system's move to its new home."""

    CHANGE = "change"
    CUT_OVER = "cut-over"


class Freeze(Row):
    """Days on which nothing of some kinds is done. `verified` turns true once the owner has named the dates."""

    id: Slug
    name: Names
    kinds: Annotated[tuple[FreezeKind, ...], Field(min_length=1)]
    since: dt.date
    until: dt.date
    reason: NonBlank
    owner: Slug
    source: SourceRef
    verified: bool = False

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until < self.since:
            raise ValueError("`until` is before `since`")
        return self

    def holds(self, kind: FreezeKind, now: dt.datetime) -> bool:
        """Whether something of that kind is frozen."""
        return kind in self.kinds and self.since <= now.astimezone(LOCAL).date() <= self.until

    def __str__(self) -> str:
        assumed = "" if self.verified else ", assumed dates"
        return f"freeze {self.id} ({self.name.vi}, {self.since} to {self.until}{assumed})"


def windows_of(fleet: Fleet, host: Host) -> tuple[Window, ...]:
    """The windows in which a host may be changed; none for any time. Nodes share those of the province."""
    return fleet.sites[host.site].windows if host.site else fleet.province.rollout.node_windows


def held(fleet: Fleet, hosts: Iterable[Host], now: dt.datetime, kind: FreezeKind = FreezeKind.CHANGE) -> list[str]:
    """What forbids a change of these hosts now, in words; empty when nothing does."""
    if not fleet.environment.keeps_calendar:
        return []
    found = [str(row) for row in fleet.registers.freezes.rows if row.holds(kind, now)]
    closed: dict[tuple[Window, ...], list[str]] = {}
    for host in hosts:
        windows = windows_of(fleet, host)
        if windows and not any(one.holds(now) for one in windows):
            closed.setdefault(windows, []).append(host.name)
    return found + [
        f"window {', '.join(map(str, windows))} of {names[0]}"
        + (f" and {len(names) - 1} more hosts" if len(names) > 1 else "")
        for windows, names in closed.items()
    ]


def check_freezes(
    rows: Iterable[Freeze], owners: Mapping[str, object], origins: Mapping[str, str]
) -> Iterator[Finding]:
    """Every freeze has an owner whom somebody can ask."""
    file = origins.get("registers/freezes", "registers/freezes")
    for row in rows:
        yield from unresolved(file, f"rows.{row.id}.owner", row.owner, owners, "owner")
