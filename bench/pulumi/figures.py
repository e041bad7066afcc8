"""From what commands took to figures: the fixed start of a program, the cost of each object, the goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.apply.figures import Goal

Seconds = Mapping[int, float]
"""By number of objects: how long a command took."""

FROM_NOTHING = 2.5
AFTER_ONE_CHANGE = 1.5
"""The limits that the issue of these stacks set: one stack over all of them, and a plan over one stack's preview."""


@dataclass(frozen=True)
class Whole:
    """A site's resources made from nothing: by the stack of each layer, one after the other, and by one for all."""

    stacks: Sequence[float]
    one: float

    @property
    def ratio(self) -> float:
        """How many times longer one stack takes."""
        return self.one / sum(self.stacks)


@dataclass(frozen=True)
class Change:
    """After the file of one system changed: the plan of the whole site, and previews of the stack that holds it."""

    plan: float
    preview: float
    preview_with_refresh: float


def cost(empty: float, by_size: Seconds) -> dict[str, float]:
    """What a program costs: `start_seconds` for an empty one with the same imports, and `ms_per_object` beside it.

    The second is the slope of the line through all sizes (least squares), so it holds nothing of the start.
    """
    slope, _ = statistics.linear_regression(list(by_size), list(by_size.values()))
    return {"start_seconds": round(empty, 2), "ms_per_object": round(slope * 1000, 1)}


def goals(whole: Whole, change: Change) -> list[dict[str, object]]:
    """The goals as they stand in the results."""
    what = "plan of the site after one system changed / preview of its stack"
    found = (
        Goal("from nothing: one stack / the stacks of all layers", FROM_NOTHING, whole.ratio),
        Goal(f"{what}, with refresh", AFTER_ONE_CHANGE, change.plan / change.preview_with_refresh, at_least=False),
        Goal(f"{what}, plain", AFTER_ONE_CHANGE, change.plan / change.preview, at_least=False),
    )
    return [one.shown() for one in found]
