"""A world of hosts for tests of roll-outs: it remembers what was done to whom, and outlives every controller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from province.rollout.conduct import Seen, Told, conduct
from province.rollout.entries import AnyEntry, Back, Begun, PlannedBatch, Result, Resumed, Wish
from province.rollout.state import Run, advance, fold

START = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


class Killed(BaseException):
    """The controller is no more."""


def begun(*batches: Iterable[str], soak: int = 5, **more: object) -> Begun:
    """The first line of a run over these batches."""
    body: dict[str, object] = {
        "time": START,
        "run": "aaaaaa",
        "environment": "lab",
        "who": "lan@desk",
        "reason": "second time source",
        "commit": "c" * 40,
        "batches": [
            PlannedBatch(stage=f"s{place}", hosts=tuple(hosts), soak_seconds=soak)
            for place, hosts in enumerate(batches)
        ],
        "digests": {host: "d" * 64 for hosts in batches for host in hosts},
        "failed_budget": 0,
        "unreachable_budget": 10,
    }
    return Begun.model_validate(body | more)


@dataclass
class Lines:
    """A journal in memory; its controller is killed after it has written so many lines."""

    entries: list[AnyEntry]
    dies_after: int | None = None

    @property
    def run(self) -> Run:
        return fold(self.entries)

    def add(self, entry: AnyEntry) -> None:
        advance(self.run, entry)
        self.entries.append(entry)
        if self.dies_after is not None and len(self.entries) >= self.dies_after:
            raise Killed


@dataclass
class World:
    """Hosts, each new or old; `breaks`, `bad`, `away` and `foreign` are what is wrong with some of them."""

    breaks: set[str] = field(default_factory=set)
    """The playbook fails there, and the host has put itself back."""
    bad: set[str] = field(default_factory=set)
    """The change is applied, and then the host is not as declared."""
    away: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    """Somebody else changes it after us."""
    new: set[str] = field(default_factory=set)
    changed: Counter[str] = field(default_factory=Counter)
    went_back: Counter[str] = field(default_factory=Counter)
    applied: list[tuple[str, ...]] = field(default_factory=list)
    verified: list[tuple[str, ...]] = field(default_factory=list)
    soaked: list[int] = field(default_factory=list)
    wishes: list[tuple[int, Wish]] = field(default_factory=list)
    """What is asked when the clock has so many ticks."""
    ticks: int = 0

    def now(self) -> datetime:
        self.ticks += 1
        return START + timedelta(seconds=self.ticks)

    def asked(self) -> tuple[Wish, str] | None:
        if self.wishes and self.wishes[0][0] <= self.ticks:
            return self.wishes.pop(0)[1], "an@desk"
        return None

    def soak(self, seconds: int) -> bool:
        if self.wishes and self.wishes[0][0] <= self.ticks + seconds:
            self.ticks = self.wishes[0][0]
            return False
        self.soaked.append(seconds)
        return True

    def apply(self, _: int, hosts: Sequence[str], told: Told) -> None:
        self.applied.append(tuple(hosts))
        for host in hosts:
            if host in self.away:
                told(host, Result.UNREACHABLE, "No route to host")
            elif host in self.breaks:
                told(host, Result.FAILED, "sshd -t refuses it")
            elif host in self.new:
                told(host, Result.OK, "")
            else:
                self.new.add(host)
                self.changed[host] += 1
                told(host, Result.CHANGED, "change /etc/a")

    def verify(self, _: int, hosts: Sequence[str]) -> dict[str, Seen]:
        self.verified.append(tuple(hosts))
        return {host: Seen(Result.FAILED, "not as declared") if host in self.bad else Seen(Result.OK) for host in hosts}

    def put_back(self, hosts: Sequence[str], told: Callable[[str, Back, str], None]) -> None:
        for host in hosts:
            if host in self.foreign:
                told(host, Back.LEFT, "somebody changed it since")
            elif host not in self.new:
                told(host, Back.BACK if self.went_back[host] else Back.UNCHANGED, "")
            else:
                self.new.discard(host)
                self.went_back[host] += 1
                told(host, Back.BACK, "")


def conducted(first: Begun, world: World) -> Run:
    """A run from its beginning to its end."""
    return conduct(Lines([first]), world)


def killed_and_resumed(first: Begun, world: World, dies_after: int) -> tuple[Run, list[AnyEntry]]:
    """The same run with a controller that is killed after so many lines, and another one that goes on."""
    journal = Lines([first], dies_after)
    try:
        return conduct(journal, world), journal.entries
    except Killed:
        journal.dies_after = None
        journal.add(Resumed(time=world.now(), who="an@desk"))
        return conduct(journal, world), journal.entries
