"""The conductor of a run: what comes next follows from the journal alone; hands do it; what they saw is written down.

So a controller may be killed after any line: the next one reads the same journal and does what is left. What had been
done but not written down is done again, which changes nothing on a host that is as declared already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from province.rollout.budget import judge
from province.rollout.entries import (
    AnyEntry,
    Applied,
    Asked,
    Back,
    BatchBegun,
    BatchEnded,
    End,
    Ended,
    Paused,
    Result,
    Returned,
    Soaked,
    Verified,
    Wish,
)
from province.rollout.state import BatchState, Run

Told = Callable[[str, Result, str], None]
"""Hears what became of a host, and what it said."""


@dataclass(frozen=True)
class Seen:
    """What verification saw of a host, and the file that says so."""

    result: Result
    said: str = ""
    evidence: str = ""


class Hands(Protocol):
    """Everything that a run does outside its journal."""

    def now(self) -> datetime:
        """The time of the next line."""
        ...

    def asked(self) -> tuple[Wish, str] | None:
        """What somebody wants of the run since it was last asked for, and who."""
        ...

    def apply(self, batch: int, hosts: Sequence[str], told: Told, /) -> None:
        """Bring hosts to their declared state; each of them is told of once, as soon as it is known."""
        ...

    def soak(self, seconds: int) -> bool:
        """Wait; False when somebody wanted something of the run before the time was over."""
        ...

    def verify(self, batch: int, hosts: Sequence[str], /) -> dict[str, Seen]:
        """What verification says of each host."""
        ...

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        """Bring hosts that this run changed back to their last good generation; each of them is told of once."""
        ...


class Journal(Protocol):
    """Where a run is written down."""

    @property
    def run(self) -> Run:
        """The run as it is by now."""
        ...

    def add(self, entry: AnyEntry) -> None:
        """Write a line, durably, before anything else happens."""
        ...


@dataclass(frozen=True)
class Begin:
    """A batch begins."""


@dataclass(frozen=True)
class Apply:
    """The playbook runs over these hosts."""

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Soak:
    """The batch is left to itself."""

    seconds: int


@dataclass(frozen=True)
class Verify:
    """These hosts are verified."""

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class PutBack:
    """These hosts go back."""

    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Close:
    """The batch is over."""

    end: End
    why: str


@dataclass(frozen=True)
class Leave:
    """The controller leaves; the run waits."""


@dataclass(frozen=True)
class Finish:
    """The run is over."""

    end: End
    why: str


Step = Begin | Apply | Soak | Verify | PutBack | Close | Leave | Finish

ABORTED = "somebody ended it"


def next_step(run: Run) -> Step | None:
    """What is to be done now; None when the run is over, or waits."""
    if run.ended or run.paused:
        return None
    number = run.open_batch
    bad = next((batch.ended for batch in run.batches if batch.ended and not batch.ended.good), None)
    if bad:
        return Finish(bad.end, bad.why)
    if number is None:
        return Finish(End.DONE, "")
    batch = run.batches[number - 1]
    if run.asked == "pause":
        return Leave()
    if run.asked == "abort":
        return _ending(batch)
    return _going_on(run, number, batch)


def _going_on(run: Run, number: int, batch: BatchState) -> Step:
    """The next step of a batch that nobody wants to end."""
    if not batch.begun:
        return Begin()
    if batch.waiting:
        return Apply(batch.waiting)
    verdict = judge(run, number)
    if batch.verified or not verdict.all_back:
        if not batch.soaked and batch.reached:
            return Soak(batch.plan.soak_seconds)
        if batch.unverified:
            return Verify(batch.unverified)
    # A host that could not be applied has put itself back; one that is not as declared afterwards has not.
    go_back = batch.applied if verdict.all_back else [host for host in batch.failed if host in batch.verified]
    if hosts := _still_there(batch, go_back):
        return PutBack(hosts)
    return Close(verdict.end, verdict.why)


def _ending(batch: BatchState) -> Step:
    """The next step of a run that somebody wants to end: what is not proven goes back."""
    if not batch.begun:
        return Finish(End.ABORTED, ABORTED)
    # A controller that was killed has not written down everything that it did: all of the batch are asked.
    unproven = [host for host in batch.plan.hosts if host not in batch.good]
    if hosts := _still_there(batch, unproven):
        return PutBack(hosts)
    return Close(End.ABORTED, ABORTED)


def _still_there(batch: BatchState, hosts: Iterable[str]) -> tuple[str, ...]:
    """Those of the hosts that have not gone back yet and could."""
    wanted = set(hosts)
    out_of_reach = set(batch.unreachable)
    return tuple(
        host for host in batch.plan.hosts if host in wanted and host not in batch.returned and host not in out_of_reach
    )


def conduct(journal: Journal, hands: Hands) -> Run:
    """Do what is left of a run, to its end or until it shall pause; the run as it is then."""
    while True:
        if wish := hands.asked():
            journal.add(Asked(time=hands.now(), wish=wish[0], who=wish[1]))
        step = next_step(journal.run)
        if step is None:
            return journal.run
        carry_out(step, journal, hands)


def carry_out(step: Step, journal: Journal, hands: Hands) -> None:
    """Do a step, and write down what was seen as soon as it is."""
    number = journal.run.open_batch or 0
    match step:
        case Apply(hosts=hosts):
            hands.apply(number, hosts, lambda *one: journal.add(_applied(hands.now(), number, *one)))
        case Soak(seconds=seconds):
            if hands.soak(seconds):
                journal.add(Soaked(time=hands.now(), batch=number))
        case Verify(hosts=hosts):
            for host, seen in hands.verify(number, hosts).items():
                journal.add(Verified(time=hands.now(), batch=number, host=host, **vars(seen)))
        case PutBack(hosts=hosts):
            hands.put_back(hosts, lambda *one: journal.add(_returned(hands.now(), number, *one)))
        case _:
            journal.add(_line(step, hands.now(), number))


def _line(step: Begin | Close | Leave | Finish, time: datetime, batch: int) -> AnyEntry:
    """A step that is only written down."""
    match step:
        case Begin():
            return BatchBegun(time=time, batch=batch)
        case Close(end=end, why=why):
            return BatchEnded(time=time, batch=batch, good=end is End.DONE, end=end, why=why)
        case Leave():
            return Paused(time=time)
        case Finish(end=end, why=why):
            return Ended(time=time, end=end, why=why)


def _applied(time: datetime, batch: int, host: str, result: Result, said: str) -> Applied:
    return Applied(time=time, batch=batch, host=host, result=result, said=said)


def _returned(time: datetime, batch: int, host: str, back: Back, said: str) -> Returned:
    return Returned(time=time, batch=batch, host=host, back=back, said=said)
