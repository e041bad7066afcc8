"""What turns published figures into load: assumptions with their reasons, and which of them make which result.

`assumptions.yml` holds all of it. A figure counts something (`unit`) of somebody (`scope`) in some time (`per`); only
an assumption changes one of the three, and it says from what to what.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from province.fleet.fact import Fact, Figure, Names, NonBlank, Period, Slug, SourceRef
from province.fleet.site import SitePurpose
from province.fleet.system import ComponentKind


class Turn(Fact):
    """From which unit, or whose figure, to which other."""

    origin: NonBlank = Field(alias="from")
    to: NonBlank


class PeriodTurn(Fact):
    """From which time to which other; null is what stands still, such as a number of accounts."""

    origin: Period | None = Field(alias="from")
    to: Period | None


class Assumption(Fact):
    """One step from a figure to a result: a factor, what it makes of what, and why it is believed.

    The factor is written in one of three ways: `times`, `divided_by` or `percent`.
    """

    name: Names
    times: PositiveFloat | None = None
    divided_by: PositiveFloat | None = None
    percent: PositiveFloat | None = None
    unit: Turn | None = None
    scope: Turn | None = None
    per: PeriodTurn | None = None
    reason: NonBlank
    source: SourceRef

    @model_validator(mode="after")
    def _one_factor(self) -> Self:
        if sum(one is not None for one in (self.times, self.divided_by, self.percent)) != 1:
            raise ValueError("give the factor once: `times`, `divided_by` or `percent`")
        return self

    @property
    def factor(self) -> float:
        """What a value is multiplied by."""
        if self.times is not None:
            return self.times
        return 1 / self.divided_by if self.divided_by is not None else (self.percent or 0) / 100


class AssumedFigure(Fact):
    """A number that nobody published and that a result begins with."""

    name: Names
    figure: Figure
    reason: NonBlank


class Term(Fact):
    """Where a result begins: a figure, an assumed one, or an earlier result; then steps of its own.

    `share` names a published percentage of the very same scope and time that is taken of the figure.
    """

    figure: Slug | None = None
    assumed: Slug | None = None
    result: Slug | None = None
    share: Slug | None = None
    steps: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _one_beginning(self) -> Self:
        if sum(one is not None for one in (self.figure, self.assumed, self.result)) != 1:
            raise ValueError("a term begins with one of `figure`, `assumed`, `result`")
        return self


class Gives(Fact):
    """What a result counts, and in what time; its scope is always that of all results."""

    unit: NonBlank
    per: Period | None = None


class Result(Fact):
    """What a system, one of its components, or (with neither) the province itself has to bear.

    Terms are added, then the steps follow in order. A result in `pods` is what its component needs at peak. With
    `stored_at` it lies on the storage hosts of the site for that purpose.
    """

    name: Names
    system: Slug | None = None
    component: Slug | None = None
    terms: Annotated[tuple[Term, ...], Field(min_length=1)]
    steps: tuple[Slug, ...] = ()
    gives: Gives
    stored_at: SitePurpose | None = None

    @model_validator(mode="after")
    def _what_is_stored_is_counted_in_terabytes(self) -> Self:
        if self.stored_at is not None and (self.gives.unit, self.gives.per) != (TERABYTES, None):
            raise ValueError(f"what is stored gives `unit: {TERABYTES}`, in no time")
        return self

    @model_validator(mode="after")
    def _pods_are_of_a_component(self) -> Self:
        if self.component is not None and self.system is None:
            raise ValueError("a component stands in a system: name that, too")
        if self.gives.unit == PODS and self.component is None:
            raise ValueError("pods are those of a component: name it")
        return self


TERABYTES = "TB"
PODS = "pods"
"""The unit of results that say how many pods a component needs."""


class ProvidedSize(Fact):
    """What one component of a kind that the platform provides asks of a cluster, until it says so itself.

    `pods` is 0 for what does not run on the nodes.
    """

    pods: NonNegativeInt
    cpu_millicores: PositiveInt | None = None
    memory_mib: PositiveInt | None = None
    reason: NonBlank
    source: SourceRef

    @model_validator(mode="after")
    def _pods_have_a_size(self) -> Self:
        sized = self.cpu_millicores is not None and self.memory_mib is not None
        if sized != (self.pods > 0):
            raise ValueError("pods ask for `cpu_millicores` and `memory_mib`; without pods there are neither")
        return self


class NodeShare(Fact):
    """What Kubernetes itself asks of a node, beside what the host keeps for itself."""

    cpu_millicores: NonNegativeInt
    memory_mib: NonNegativeInt
    reason: NonBlank
    source: SourceRef


class NodeShares(Fact):
    """On every node, and in addition on a control plane."""

    every: NodeShare
    control_plane: NodeShare


class Assumptions(Fact):
    """All of `assumptions.yml`. Every result is of the one `scope`; figures of others get there by assumptions."""

    scope: NonBlank
    assumptions: dict[Slug, Assumption] = Field(default_factory=dict)
    figures: dict[Slug, AssumedFigure] = Field(default_factory=dict)
    results: dict[Slug, Result] = Field(default_factory=dict)
    """In order: a result may begin with one that stands above it."""
    provided: dict[ComponentKind, ProvidedSize] = Field(default_factory=dict)
    nodes: NodeShares
