"""Nodes without a controller: how often they look for a signed bundle, and when they may help themselves to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from province.fleet.fact import Fact, SourceRef

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400
Span = tuple[int, int]
"""Begin and end, in seconds since 1970; the end is left out."""


class Pull(Fact):
    """A node looks every `every_minutes`, and applies a bundle once no controller was there for `silent_hours`.

    A bundle is good for `valid_days`. Batches, in the order of a roll-out, begin `step_hours` after each other: what is
    wrong with the first is seen, and the bundles are withdrawn, before the next. `confirm_minutes`: how long a node
    waits to reach a site after a change that may have cut it off.
    """

    every_minutes: Annotated[int, Field(ge=5, le=1440)]
    silent_hours: PositiveInt
    valid_days: Annotated[int, Field(ge=1, le=60)]
    step_hours: PositiveInt
    confirm_minutes: PositiveInt
    source: SourceRef

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.silent_hours * HOUR_S < 2 * self.every_minutes * MINUTE_S:
            raise ValueError(
                f"silent_hours: {self.silent_hours} is less than two looks of {self.every_minutes} minutes"
            )
        if self.valid_days * DAY_S <= self.silent_hours * HOUR_S:
            raise ValueError(
                f"valid_days: {self.valid_days} is over before a controller was {self.silent_hours} hours away; such"
                " a bundle is never applied"
            )
        return self

    def begins(self, batch: int, made: int) -> int:
        """When the batch of that place, from 0, may begin with bundles of that time, in seconds since 1970."""
        return made + batch * self.step_hours * HOUR_S

    def ends(self, made: int) -> int:
        """When a bundle of that time is over."""
        return made + self.valid_days * DAY_S


def open_spans(shut: Callable[[dt.datetime], bool], begins: int, ends: int) -> tuple[Span, ...]:
    """The spans from `begins` to `ends`, to the minute, in which nothing is shut."""
    found: list[Span] = []
    since: int | None = None
    for at in range(begins, ends, MINUTE_S):
        closed = shut(dt.datetime.fromtimestamp(at, dt.UTC))
        if closed and since is not None:
            found.append((since, at))
            since = None
        elif not closed and since is None:
            since = at
    return (*found, (since, ends)) if since is not None else tuple(found)
