"""What a run is, folded from its journal line by line; nothing else is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce

from province.rollout.entries import (
    AnyEntry,
    Applied,
    Asked,
    BatchBegun,
    BatchEnded,
    Begun,
    Ended,
    Paused,
    PlannedBatch,
    Result,
    Resumed,
    Returned,
    Soaked,
    Verified,
    Wish,
)


@dataclass(frozen=True)
class BatchState:
    """One batch, how far it is, and what became of each of its hosts so far."""

    plan: PlannedBatch
    begun: BatchBegun | None = None
    applied: Mapping[str, Applied] = field(default_factory=dict)
    soaked: bool = False
    verified: Mapping[str, Verified] = field(default_factory=dict)
    returned: Mapping[str, Returned] = field(default_factory=dict)
    ended: BatchEnded | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """Hosts that the playbook has not been heard of yet."""
        return tuple(host for host in self.plan.hosts if host not in self.applied)

    @property
    def reached(self) -> tuple[str, ...]:
        """Hosts on which the playbook came to its end."""
        return tuple(host for host, one in self.applied.items() if one.result in (Result.OK, Result.CHANGED))

    @property
    def unverified(self) -> tuple[str, ...]:
        """Hosts of which verification has not said anything yet."""
        return tuple(host for host in self.reached if host not in self.verified)

    @property
    def failed(self) -> tuple[str, ...]:
        """Hosts that could not be applied, or are not as declared afterwards."""
        return self._with(Result.FAILED)

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Hosts that were out of reach, before or after their change."""
        return self._with(Result.UNREACHABLE)

    @property
    def good(self) -> tuple[str, ...]:
        """Hosts that are proven to be as declared."""
        return tuple(host for host, one in self.verified.items() if one.result is Result.OK)

    def _with(self, result: Result) -> tuple[str, ...]:
        found: list[Applied | Verified] = [*self.applied.values(), *self.verified.values()]
        return tuple(dict.fromkeys(one.host for one in found if one.result is result))


@dataclass(frozen=True)
class Run:
    """A run: how it began, its batches, what is asked of it, and how it ended; `seen` is the time of the last line."""

    begun: Begun
    batches: tuple[BatchState, ...]
    seen: datetime
    asked: Wish | None = None
    paused: bool = False
    ended: Ended | None = None

    @property
    def id(self) -> str:
        """The run's name."""
        return self.begun.run

    @property
    def open_batch(self) -> int | None:
        """The number of the first batch that is not over; None when all are."""
        return next((number for number, one in enumerate(self.batches, start=1) if not one.ended), None)

    @property
    def unreachable(self) -> tuple[str, ...]:
        """Hosts out of reach, over all batches."""
        return tuple(host for batch in self.batches for host in batch.unreachable)

    @property
    def failed(self) -> tuple[str, ...]:
        """Hosts that failed, over all batches."""
        return tuple(host for batch in self.batches for host in batch.failed)

    @property
    def untouched(self) -> tuple[str, ...]:
        """Hosts whose batch has not begun."""
        return tuple(host for batch in self.batches if not batch.begun for host in batch.plan.hosts)


def fold(entries: Iterable[AnyEntry]) -> Run:
    """The run that a journal tells of; ValueError when the first line is not a beginning or there is none."""
    lines = iter(entries)
    first = next(lines, None)
    if not isinstance(first, Begun):
        raise ValueError("the first line does not say what the run is")
    start = Run(first, tuple(BatchState(plan) for plan in first.batches), first.time)
    return reduce(advance, lines, start)


def advance(run: Run, entry: AnyEntry) -> Run:
    """The run after one more line."""
    run = replace(run, seen=entry.time)
    match entry:
        case Begun():
            raise ValueError("a second beginning")
        case Asked(wish=wish):
            return replace(run, asked=wish)
        case Paused():
            return replace(run, paused=True, asked=None)
        case Resumed():
            return replace(run, paused=False)
        case Ended():
            return replace(run, ended=entry)
        case _:
            if not 1 <= entry.batch <= len(run.batches):
                raise ValueError(f"there is no batch {entry.batch}")
            batches = list(run.batches)
            batches[entry.batch - 1] = _advance_batch(batches[entry.batch - 1], entry)
            return replace(run, batches=tuple(batches))


def _advance_batch(
    batch: BatchState, entry: BatchBegun | Applied | Soaked | Verified | Returned | BatchEnded
) -> BatchState:
    match entry:
        case BatchBegun():
            return replace(batch, begun=entry)
        case Applied():
            return replace(batch, applied={**batch.applied, entry.host: entry})
        case Soaked():
            return replace(batch, soaked=True)
        case Verified():
            return replace(batch, verified={**batch.verified, entry.host: entry})
        case Returned():
            return replace(batch, returned={**batch.returned, entry.host: entry})
        case BatchEnded():
            return replace(batch, ended=entry)
