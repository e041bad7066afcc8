"""The rows of the mission: everything that the province's agreement, reports and tasks name.

`features.yml` is a list: `- {id: 1, seeds: [S2], kinds: [NS], name: {en: ..., vi: ...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from province.fleet.fact import Fact, FeatureId, Names, NonBlank, SourceRef
from province.fleet.findings import Finding


class FeatureKind(StrEnum):
    """What it takes to make a row real; the model says which collection declares each kind."""

    NS = "NS"
    """A namespace with workloads on a cluster: a system."""
    EDGE = "EDGE"
    """Something that stands in a commune behind its node."""
    NET = "NET"
    """Lines, routing, addresses."""
    POL = "POL"
    """A rule that is checked."""
    EXT = "EXT"
    """A system of somebody else that ours talks to: an endpoint."""
    DC = "DC"
    """A site, its rooms and machines."""
    DATA = "DATA"
    """A list or a figure that has to be kept."""
    PROC = "PROC"
    """Something people do, with a deadline and a record."""


class Feature(Fact):
    """One row of the mission, and the texts (`seeds`) that name it.

    A row without any kind is documentation alone; then `documentation` says why nothing is built for it.
    """

    id: FeatureId
    name: Names
    seeds: tuple[SourceRef, ...]
    kinds: tuple[FeatureKind, ...] = ()
    documentation: NonBlank | None = None

    @model_validator(mode="after")
    def _built_or_documented(self) -> Self:
        if bool(self.kinds) == (self.documentation is not None):
            raise ValueError("a row has kinds, or it says in `documentation` why nothing is built; not both")
        return self


def check_features(features: Mapping[int, Feature], file: str) -> list[Finding]:
    """Rows are numbered from 1 without a gap, so a lost row is seen."""
    return [
        Finding(file, str(number), "", "row is missing", "rows are numbered without gaps: put it back")
        for number in range(1, max(features, default=0) + 1)
        if number not in features
    ]
