"""The rules of a roll-out: how a change spreads over hosts, how long it is watched, what may go wrong on its way."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from province.fleet.calendar import Window
from province.fleet.fact import Fact, Percent, Slug, SourceRef


class WaveStage(Fact):
    """A stage of a change over the nodes: so many nodes, or that share of them; then it is watched so many seconds."""

    id: Slug
    nodes: PositiveInt | None = None
    percent: Percent | None = None
    soak_seconds: NonNegativeInt = 0


class Rollout(Fact):
    """The stages over the nodes, and what is true of every batch.

    `soak_seconds`: how long a batch of no stage of its own (data centres, the rest, islands) is left to itself before
    it is verified. Budgets in percent: `failed_budget` of the hosts of one batch, `unreachable_budget` of all hosts of
    the run. A host that nobody reached says nothing about a change, so the two are never added.
    """

    stages: Annotated[tuple[WaveStage, ...], Field(min_length=1)]
    soak_seconds: NonNegativeInt
    failed_budget: Percent
    unreachable_budget: Percent
    source: SourceRef
    node_windows: tuple[Window, ...] = ()
    """When the nodes of communes may be changed; at any time without one."""
