"""The items of the CIS Kubernetes Benchmark: which test shows each, and where the clusters differ from it and why.

Items are those of the version that the register of standards names as `cis-kubernetes`; a number means nothing without
that version. Their numbers were read second hand (source R3); the wording of each row is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from province.fleet.fact import Names, NonBlank, Slug, SourceRef
from province.fleet.row import Row

BenchmarkItems = Annotated[str, StringConstraints(pattern=r"^\d(\.\d){0,1}\.\d+(-\d+)?$")]
"""An item of the benchmark, or a run of items: `1.2.20`, `1.1.1-8`."""

BENCHMARK = "cis-kubernetes"
"""Its id in the register of standards."""

SECTIONS: Mapping[str, tuple[str, int]] = {
    "1.1": ("Files of the control plane", 21),
    "1.2": ("API server", 29),
    "1.3": ("Controller manager", 7),
    "1.4": ("Scheduler", 2),
    "2": ("etcd", 7),
    "3.1": ("Who comes in", 3),
    "3.2": ("What is written down", 2),
    "4.1": ("Files of nodes", 10),
    "4.2": ("Kubelet", 13),
    "4.3": ("kube-proxy", 1),
    "5.1": ("Rights", 13),
    "5.2": ("Pods", 13),
    "5.3": ("Networks of pods", 2),
    "5.4": ("Secrets", 2),
    "5.5": ("Images", 1),
    "5.7": ("Rooms", 4),
}
"""The sections of the benchmark, with our names for them and how many items each has (version 1.10)."""


class BenchmarkState(StrEnum):
    """What can be said of a row today."""

    PROVEN = "proven"
    """It is as the benchmark asks, and a test shows it."""
    OTHERWISE = "otherwise"
    """A test shows what is there, and `open` says in what it differs from the letter of the benchmark, and why."""
    OPEN = "open"
    """No test shows it; `open` says why, or what is missing."""


class BenchmarkRow(Row):
    """Items that ask for one thing: the tests (`file::function`) that show it, and what they do not show."""

    id: Slug
    items: Annotated[tuple[BenchmarkItems, ...], Field(min_length=1)]
    name: Names
    proven_by: tuple[NonBlank, ...] = ()
    open: NonBlank | None = None
    source: SourceRef

    @property
    def state(self) -> BenchmarkState:
        """Proven when a test shows it and nothing is left to say."""
        if not self.proven_by:
            return BenchmarkState.OPEN
        return BenchmarkState.PROVEN if self.open is None else BenchmarkState.OTHERWISE

    @property
    def numbers(self) -> tuple[str, ...]:
        """The single items, with runs spelled out."""
        return tuple(number for item in self.items for number in _spelled_out(item))

    @property
    def section(self) -> str:
        """The section of its first item."""
        return self.numbers[0].rpartition(".")[0]

    @model_validator(mode="after")
    def _says_what_is_open(self) -> Self:
        if not self.proven_by and self.open is None:
            raise ValueError("name the test in `proven_by`, or say in `open` why none shows it")
        return self


def every_item() -> tuple[str, ...]:
    """All items of the benchmark, in order."""
    return tuple(f"{section}.{number}" for section, (_, count) in SECTIONS.items() for number in range(1, count + 1))


def items_in(rows: Iterable[BenchmarkRow], state: BenchmarkState) -> Sequence[str]:
    """The items of all rows that are in a state."""
    return [number for row in rows if row.state is state for number in row.numbers]


def _spelled_out(item: str) -> tuple[str, ...]:
    first, _, last = item.partition("-")
    section, _, number = first.rpartition(".")
    return tuple(f"{section}.{one}" for one in range(int(number), int(last or number) + 1))
