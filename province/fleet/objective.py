"""What users are promised of a system's answers, and how fast a promise may be used up before somebody is told.

The entrance of a site counts requests (tools/entrance). Rules for how fast: The Site Reliability Workbook, chapter 5,
"multiwindow, multi-burn-rate alerts", with its own numbers for a window of 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from province.fleet.fact import Fact, SourceRef
from province.fleet.findings import Finding

if TYPE_CHECKING:
    from province.fleet.system import System
    from province.fleet.tier import Tier

WINDOW_DAYS = 30
ANSWER_MS = (50, 100, 250, 500, 1000, 2500, 5000, 10000)
"""The times that the entrance tells apart: `bounds` of tools/entrance/metrics.go, where they stand in seconds."""

LEAST_FAILURES = 5
"""Fewer bad answers within the longer window wake nobody: at night three requests are all that a small system gets."""


def _can_be_told_apart(value: int) -> int:
    if value not in ANSWER_MS:
        raise ValueError(f"the entrance tells apart {', '.join(map(str, ANSWER_MS))}")
    return value


Promised = Annotated[float, Field(gt=0, lt=100)]


class Objective(Fact):
    """Of 100 requests within 30 days, how many are answered without a fault of ours, and how many within `quick_ms`."""

    available_percent: Promised
    quick_percent: Promised
    quick_ms: Annotated[int, AfterValidator(_can_be_told_apart)]
    source: SourceRef

    @property
    def failed_budget(self) -> float:
        """The part of all requests that may fail."""
        return round(1 - self.available_percent / 100, 6)

    @property
    def slow_budget(self) -> float:
        """The part of all answers that may take longer."""
        return round(1 - self.quick_percent / 100, 6)

    def is_as_strict_as(self, other: Objective) -> bool:
        """Whether whoever keeps this one keeps the other one, too."""
        return (
            self.available_percent >= other.available_percent
            and self.quick_percent >= other.quick_percent
            and self.quick_ms <= other.quick_ms
        )


@dataclass(frozen=True)
class Burn:
    """A budget is used up `times` as fast as would last for the window; `short` shows that it still goes on."""

    times: float
    long: str
    short: str
    severity: Literal["page", "ticket"]


BURNS = (
    Burn(14.4, "1h", "5m", "page"),
    Burn(6, "6h", "30m", "page"),
    Burn(3, "1d", "2h", "ticket"),
    Burn(1, "3d", "6h", "ticket"),
)


def check_objectives(
    systems: Mapping[str, System], tiers: Mapping[str, Tier], origins: Mapping[str, str]
) -> Iterator[Finding]:
    """A system promises at least what its tier does; `origins` maps "systems/<id>" to a file."""
    for id_, system in systems.items():
        tier = tiers.get(system.tier)
        usual = tier.objective if tier else None
        if system.objective and usual and not system.objective.is_as_strict_as(usual):
            problem = f"promises less than tier {system.tier.value}"
            mend = "promise at least as much, or put the system into another tier"
            yield Finding(origins.get(f"systems/{id_}", f"systems/{id_}"), "objective", "", problem, mend)
