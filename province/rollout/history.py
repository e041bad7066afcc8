"""What runs did, told by their journals: to whom, with which result, and why a host is in the state that it is in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from province.rollout.entries import APPLY, Back, Result
from province.rollout.state import BatchState, Run


class Standing(StrEnum):
    """How a run left a host.

    `pending`: nobody reached it, it waits for `province apply --pending`. `untouched`: the run ended before its turn.
    """

    PROVEN = "as declared"
    APPLIED = "applied, not verified"
    FAILED = "failed"
    BACK = "went back"
    PENDING = "pending"
    UNTOUCHED = "untouched"


ACTION_WORDS = {
    Standing.PROVEN: "done and healthy",
    Standing.APPLIED: "done, not looked at",
    Standing.PENDING: "out of reach",
}
"""How a host's standing is called after an operator's action."""


@dataclass(frozen=True)
class Told:
    """One thing that happened to a host in a run."""

    time: datetime
    host: str
    what: str
    said: str = ""


def standing(run: Run, host: str) -> Standing | None:
    """How a run left a host, or has it now; None when the run is not about it."""
    if host in run.begun.as_declared:
        return Standing.PROVEN
    if host in run.begun.lost:
        return Standing.PENDING
    batch = _batch_of(run, host)
    return _in_batch(batch, host) if batch else None


def _in_batch(batch: BatchState, host: str) -> Standing:
    returned = batch.returned.get(host)
    if returned and returned.back is Back.BACK:
        return Standing.BACK
    last = batch.verified.get(host) or batch.applied.get(host)
    if last is None:
        return Standing.UNTOUCHED
    if last.result is Result.UNREACHABLE:
        return Standing.PENDING
    if last.result is Result.FAILED:
        return Standing.FAILED
    return Standing.PROVEN if host in batch.verified else Standing.APPLIED


def pending(runs: Iterable[Run]) -> dict[str, str]:
    """The hosts that wait since a run could not reach them, each with that run; `runs` are the oldest first.

    A later run that reached a host takes it off the list, whatever became of it there; one that ended before the
    host's turn does not.
    """
    waiting: dict[str, str] = {}
    for run in runs:
        if run.begun.verb != APPLY:  # what an operator did there says nothing about what is declared
            continue
        for host in (*run.begun.as_declared, *run.begun.lost, *run.begun.hosts):
            match standing(run, host):
                case Standing.PENDING:
                    waiting.setdefault(host, run.id)
                case Standing.UNTOUCHED | None:
                    pass
                case _:
                    waiting.pop(host, None)
    return waiting


def told_of(run: Run, host: str) -> list[Told]:
    """What happened to a host in a run, in order."""
    begun = run.begun
    if host in begun.as_declared:
        return [Told(begun.time, host, "was as declared")]
    if host in begun.lost:
        return [Told(begun.time, host, "could not be asked", begun.lost[host])]
    batch = _batch_of(run, host)
    return sorted(_in_order(batch, host), key=lambda one: one.time) if batch else []


def _in_order(batch: BatchState, host: str) -> Iterator[Told]:
    if applied := batch.applied.get(host):
        yield Told(applied.time, host, f"apply: {applied.result}", applied.said)
    if verified := batch.verified.get(host):
        evidence = f" ({verified.evidence})" if verified.evidence else ""
        yield Told(verified.time, host, f"verify: {verified.result}", f"{verified.said}{evidence}".strip())
    if returned := batch.returned.get(host):
        yield Told(returned.time, host, f"return: {returned.back}", returned.said)


def why(runs: Sequence[Run], host: str) -> list[str]:
    """Why a host is as it is: the run that last had to do with it, then all that runs did to it, newest first."""
    about = [(run, standing(run, host)) for run in runs]
    concerned = [(run, how) for run, how in about if how is not None]
    if not concerned:
        return [f"{host}: no run was about it"]
    # A run that ended before the host's turn says nothing of the host.
    applied = [(run, how) for run, how in concerned if run.begun.verb == APPLY] or concerned
    run, how = next(((run, how) for run, how in reversed(applied) if how is not Standing.UNTOUCHED), applied[-1])
    lines = [f"{host}: {word(run, how)}, by run {run.id} of {run.begun.time:%Y-%m-%d %H:%M} UTC ({_words(run)})"]
    if since := pending(runs).get(host):
        lines.append(f"  waits since run {since}: province apply --pending --reason …")
    for run, how in reversed(concerned):
        lines.append(f"  run {run.id}  {run.begun.time:%Y-%m-%d %H:%M}  {word(run, how)}  {_words(run)}")
        if how is Standing.UNTOUCHED:
            lines.append(f"    its turn has not come: {run.ended.why or run.ended.end if run.ended else 'not ended'}")
        for one in told_of(run, host):
            said = f"  {first_line(one.said)}" if one.said else ""
            lines.append(f"    {one.time:%H:%M:%S}  {one.what}{said}")
    return lines


def difference(one: Run, other: Run) -> list[str]:
    """What two runs did differently: how they were begun, and the hosts that they left in different states."""
    lines = [
        f"{name}: {before} → {after}"
        for name, before, after in (
            ("who", one.begun.who, other.begun.who),
            ("reason", one.begun.reason, other.begun.reason),
            ("commit", one.begun.commit[:12], other.begun.commit[:12]),
            ("end", state(one), state(other)),
        )
        if before != after
    ]
    hosts = sorted({host for run in (one, other) for host in _hosts(run)})
    for host in hosts:
        before, after = (standing(run, host) for run in (one, other))
        digests = [run.begun.digests.get(host, "")[:12] for run in (one, other)]
        if before is not after:
            lines.append(f"{host}: {before or 'not in it'} → {after or 'not in it'}")
        elif all(digests) and digests[0] != digests[1]:
            lines.append(f"{host}: {before} in both; manifest {digests[0]} → {digests[1]}")
    return lines


def state(run: Run) -> str:
    """How a run stands, in a word; one that is neither ended nor paused is under way, or was killed."""
    if run.ended:
        return str(run.ended.end)
    return "paused" if run.paused else "not ended"


def counts(run: Run) -> dict[str, int]:
    """How many hosts a run left in each state."""
    found = {word(run, one): 0 for one in Standing}
    for host in _hosts(run):
        if how := standing(run, host):
            found[word(run, how)] += 1
    return {word: count for word, count in found.items() if count}


def word(run: Run, how: Standing) -> str:
    """What a standing is called: after an operator's action a host is not as declared, but as it was meant to be."""
    return str(how) if run.begun.verb == APPLY else ACTION_WORDS.get(how, str(how))


def first_line(text: str) -> str:
    """The first line of what somebody said."""
    return next(iter(text.strip().splitlines()), "")


def _hosts(run: Run) -> tuple[str, ...]:
    return (*run.begun.as_declared, *run.begun.lost, *run.begun.hosts)


def _batch_of(run: Run, host: str) -> BatchState | None:
    return next((batch for batch in run.batches if host in batch.plan.hosts), None)


def _words(run: Run) -> str:
    return " ".join(filter(None, (run.begun.who, verb(run), run.begun.ticket, f"“{run.begun.reason}”")))


def verb(run: Run) -> str:
    """What a run did, if it was an operator's action: the verb and its arguments; empty for a roll-out."""
    if run.begun.verb == APPLY:
        return ""
    return " ".join((run.begun.verb, *(f"{name}={value}" for name, value in run.begun.arguments.items())))
