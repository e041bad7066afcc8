"""How an environment stands now, by its evidence: the verdict on every host that it runs, old evidence told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.verify.evidence import Evidence, Record, latest, read_evidence
from province.verify.ledger import FILE
from province.verify.outcome import Outcome, worst


class State(StrEnum):
    """What is known of a host, worst first: the outcomes of its checks, and three ways of knowing nothing new.

    stale: nothing worse than a waiver is on record, but the oldest check that counts is too old. no-evidence: it was
    never looked at. absent: the environment does not run it.
    """

    FAIL = "fail"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    STALE = "stale"
    NO_EVIDENCE = "no-evidence"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - a state, not a password
    ABSENT = "absent"


_CODES = {
    State.FAIL: ExitCode.FAILED,
    State.UNKNOWN: ExitCode.UNKNOWN,
    State.UNREACHABLE: ExitCode.UNREACHABLE,
    State.NO_EVIDENCE: ExitCode.NOTHING_SELECTED,
    State.STALE: ExitCode.STALE,
}
"""What a state is to a caller, the one that decides first; every other state is as declared."""


@dataclass(frozen=True)
class Standing:
    """One host: its state, and the time of the oldest check that counts (None without any)."""

    host: Host
    state: State
    seen: datetime | None


def standing(host: Host, records: Iterable[Record], *, runs: bool, now: datetime, stale_after: timedelta) -> Standing:
    """The standing of a host by what counts of its records; `runs` tells whether the environment runs it."""
    known = tuple(records)
    seen = min((record.time for record in known), default=None)
    if not runs:
        return Standing(host, State.ABSENT, None)
    if seen is None:
        return Standing(host, State.NO_EVIDENCE, None)
    state = worst(record.outcome for record in known)
    if state in {Outcome.PASS, Outcome.WAIVED} and now - seen > stale_after:
        return Standing(host, State.STALE, seen)
    return Standing(host, State(state), seen)


def stand(fleet: Fleet, evidence: Iterable[Evidence], now: datetime) -> dict[str, Standing]:
    """Every host that the environment runs."""
    records = latest(evidence)
    limit = stale_after(fleet)
    return {
        name: standing(host, records.get(name, {}).values(), runs=True, now=now, stale_after=limit)
        for name, host in fleet.hosts.items()
    }


def stale_after(fleet: Fleet) -> timedelta:
    """How old a check may be and still say something."""
    return timedelta(hours=fleet.province.evidence.stale_after_hours)


def exit_code_of(standings: Mapping[str, Standing]) -> ExitCode:
    """The state of the worst host as an exit code; an environment without hosts has shown nothing."""
    states = {one.state for one in standings.values()}
    if not states:
        return ExitCode.NOTHING_SELECTED
    return next((code for state, code in _CODES.items() if state in states), ExitCode.OK)


def recent(folder: Path, hosts: Iterable[str]) -> list[Evidence]:
    """The newest evidence of a folder, as far back as something in it still counts for these hosts, oldest first.

    A whole run that came to its end replaces everything before it for its hosts, so older files need not be read.
    """
    missing, found = set(hosts), []
    for path in sorted(run_files(folder), reverse=True):
        evidence = read_evidence(path)
        found.append(evidence)
        if evidence.run.whole and evidence.complete:
            missing -= set(evidence.run.hosts)
        if not missing:
            break
    return found[::-1]


def run_files(folder: Path) -> list[Path]:
    """The files of runs in a folder, oldest first."""
    return sorted(path for path in folder.glob("*.jsonl") if path.name != FILE)
