"""Hosts broken on purpose, as `sabotages.yml` says: which row on which host, and what its checks said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from testinfra.host import Host as Connection

from province.fleet.fact import Fact, NonBlank
from province.fleet.hosts import Host
from province.verify.evidence import Record
from province.verify.outcome import Outcome

FILE = Path(__file__).with_name("sabotages.yml")
NOT_AS_DECLARED = {Outcome.FAIL, Outcome.WAIVED}
"""A waiver turns a failure, it does not hide it: the check has seen that the host is not as declared."""


class First(Fact):
    """A good state that the lab cannot have by itself. `stand_in`: a program of ours answers for the real one."""

    why: NonBlank
    do: NonBlank
    undo: NonBlank
    stand_in: bool = False


class Sabotage(Fact):
    """One way to break a control on a class of hosts; `tests` are checks and words of the failure they must end in."""

    control: int
    where: NonBlank
    tests: Mapping[str, NonBlank]
    breaks: NonBlank
    mends: NonBlank
    first: First | None = None


class Sabotages(Fact):
    """The whole file; `not_shown` are controls that no row breaks, and why."""

    not_shown: Mapping[int, NonBlank]
    sabotages: tuple[Sabotage, ...]


def load() -> Sabotages:
    """What `sabotages.yml` says."""
    return Sabotages.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def spread(rows: Iterable[Sabotage], hosts: Sequence[Host]) -> dict[str, list[Sabotage]]:
    """Which rows break which host: the first of the class on which none of the row's tests is broken yet.

    Raises LookupError for a row that no host can take.
    """
    found: dict[str, list[Sabotage]] = {}
    for row in rows:
        free = (
            host.name
            for host in hosts
            if host.host_class == row.where
            and not any(row.tests.keys() & other.tests.keys() for other in found.get(host.name, ()))
        )
        name = next(free, None)
        if name is None:
            raise LookupError(f"control {row.control}: no {row.where} is left whose {', '.join(row.tests)} is whole")
        found.setdefault(name, []).append(row)
    return found


def broken(host: Connection, rows: Sequence[Sabotage]) -> AbstractContextManager[None]:
    """A host that is broken in every way of the rows; afterwards it is mended."""
    return _changed(host, [(row.breaks, row.mends) for row in rows])


def prepared(host: Connection, rows: Sequence[Sabotage]) -> AbstractContextManager[None]:
    """A host with what the lab lacks for some of the rows; afterwards without."""
    firsts = {row.first.do: row.first.undo for row in rows if row.first}
    return _changed(host, list(firsts.items()))


@contextmanager
def _changed(host: Connection, steps: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Do something to a host step by step; whatever happened then, all of it is undone, the last first.

    Raises AssertionError with the command when one cannot be carried out, after all others were undone.
    """
    undo: list[str] = []
    try:
        for command, back in steps:
            undo.insert(0, back)
            host.check_output(command)
        yield
    finally:
        _all(host, undo)


def _all(host: Connection, commands: Iterable[str]) -> None:
    """Run every command, and say afterwards which failed."""
    ended = [(command, host.run(command)) for command in commands]
    failed = [f"{command}: {done.stderr.strip()}" for command, done in ended if done.rc != 0]
    assert not failed, f"{host.backend.hostname} is not as before:\n" + "\n".join(failed)


Seen = Mapping[tuple[str, str], Record]
"""What a verification filed, by host and test."""


@dataclass(frozen=True)
class Verdict:
    """Whether a row was seen on its host; `why` not, else empty."""

    host: str
    row: Sabotage
    why: str

    @property
    def line(self) -> str:
        """For people."""
        return f"control {self.row.control} on {self.host}: {self.row.breaks}\n    {self.why}"


def judged(host: str, row: Sabotage, spoilt: Seen, mended: Seen) -> Verdict:
    """Every test of the row must fail for its reason while the host is broken, and pass when it is mended."""
    faults = [fault for test, words in row.tests.items() if (fault := _fault(host, test, words, spoilt, mended))]
    return Verdict(host, row, "; ".join(faults))


def _fault(host: str, test: str, words: str, spoilt: Seen, mended: Seen) -> str:
    before, after = spoilt.get((host, test)), mended.get((host, test))
    if before is None or after is None:
        return f"{test} was not run"
    if after.outcome is not Outcome.PASS:
        return f"{test} is {after.outcome} on the mended host: {after.message}"
    if before.outcome not in NOT_AS_DECLARED:
        return f"{test} is {before.outcome} on the broken host"
    if words not in before.message:
        return f"{test} does not show {words!r}: {before.message}"
    return ""
