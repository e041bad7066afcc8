"""Copies of what only a node has: how often, where to, how long they stay, and when one is too old."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from province.fleet.fact import Fact, Port, SourceRef

DAY_HOURS = 24
PERIODS = tuple(hours for hours in range(1, DAY_HOURS + 1) if DAY_HOURS % hours == 0)


class CopyClass(StrEnum):
    """What is copied by itself, because it stays for another time."""

    STATE = "state"
    """Which state the node is in and how it came there, and the public halves of its keys."""
    QUEUE = "queue"
    """Documents that wait for the line."""


class Copies(Fact):
    """Each node copies to every site once in `every_hours`; each node and site at a time of its own.

    `oldest_hours`: a copy that is older is an alarm. `days`: how long copies of a class stay. `node_mb`: room for the
    copies of one node at a site, in MB (10⁶ bytes). `port` is the door at the site; `store_uid` and `door_uid` are the
    numbers of the accounts that keep the copies and that let nodes in.
    """

    every_hours: PositiveInt
    oldest_hours: PositiveInt
    days: dict[CopyClass, PositiveInt]
    node_mb: PositiveInt
    port: Port
    store_uid: Annotated[int, Field(ge=820, le=899)]
    door_uid: Annotated[int, Field(ge=820, le=899)]
    source: SourceRef

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.every_hours not in PERIODS:
            raise ValueError(
                f"every_hours: {self.every_hours} does not divide a day; take one of {', '.join(map(str, PERIODS))}"
            )
        if self.oldest_hours < 2 * self.every_hours:
            raise ValueError(
                f"oldest_hours: {self.oldest_hours} is less than two periods of {self.every_hours}; one vain try of a"
                " node would be an alarm"
            )
        if missing := set(CopyClass) - set(self.days):
            raise ValueError(f"days: no row for {', '.join(sorted(missing))}; say how long its copies stay")
        if self.store_uid == self.door_uid:
            raise ValueError(f"door_uid: {self.door_uid} is that of the store, too; who lets in may not delete")
        return self

    def calendar(self, place: int, places: int) -> str:
        """When the node at a place of so many copies, as systemd writes it (systemd.time(7)): spread evenly."""
        second = place * self.every_hours * 3600 // places % (self.every_hours * 3600)
        hour, minute, rest = second // 3600, second // 60 % 60, second % 60
        hours = ",".join(f"{one:02}" for one in range(hour, DAY_HOURS, self.every_hours))
        return f"*-*-* {hours}:{minute:02}:{rest:02}"
