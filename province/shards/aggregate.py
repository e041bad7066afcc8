"""What a sharded run came to: its end state, the same text as that of an unsharded one, and who is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from province.rollout.conduct import Apply, PutBack, Verify, next_step
from province.rollout.entries import Result
from province.rollout.state import BatchState, Run
from province.shards.store import Store

FAILURES = "shards/"


class Standing(StrEnum):
    """How a shard stands. `missing`: it owes something and has not said why; `failed`: it has said why."""

    DONE = "done"
    MISSING = "missing"
    FAILED = "failed"


@dataclass(frozen=True)
class Shard:
    """One shard: how it stands, which of its hosts the run waits for now, and what it said when it failed last."""

    index: int
    standing: Standing
    hosts: int
    owed: tuple[str, ...] = ()
    said: str = ""


def end_state(run: Run) -> bytes:
    """Where every host of a run ended, as JSON that is the same however many processes were at work, killed or not.

    Times, and whether a host was changed by the first or by a second hand, are facts of the journal and not part of it.
    """
    state = {
        "run": run.id,
        "verb": run.begun.verb,
        "end": run.ended.end if run.ended else "",
        "why": run.ended.why if run.ended else "",
        "batches": [
            {
                "stage": batch.plan.stage,
                "end": batch.ended.end if batch.ended else "",
                "hosts": {host: _end_of(batch, host, run.begun.digests) for host in sorted(batch.plan.hosts)},
            }
            for batch in run.batches
        ],
        "lost": dict(sorted(run.begun.lost.items())),
    }
    return (json.dumps(state, ensure_ascii=False, indent=1) + "\n").encode()


def _end_of(batch: BatchState, host: str, digests: Mapping[str, str]) -> str:
    """One host: the state that it is proven to be in, else what became of it last."""
    if host in batch.returned:
        return f"returned: {batch.returned[host].back}"
    if host in batch.verified:
        seen = batch.verified[host]
        return f"proven: {digests.get(host, '')}" if seen.result is Result.OK else f"{seen.result}: {seen.said}"
    if host in batch.applied:
        seen_applying = batch.applied[host]
        good = seen_applying.result in (Result.OK, Result.CHANGED)
        return "applied" if good else f"{seen_applying.result}: {seen_applying.said}"
    return "untouched"


def fail(store: Store, index: int, why: str) -> None:
    """Write down why a shard could not go on; the same reason is written once."""
    attempt = sum(name.startswith(f"{FAILURES}{index:05}/") for name in store.names())
    store.put(f"{FAILURES}{index:05}/{attempt:05}.txt", why.encode())


def standings(run: Run, of: Mapping[str, int], count: int, store: Store) -> list[Shard]:
    """How every shard of a run stands."""
    owed = _owed(run)
    names = store.names()
    found = []
    for index in range(count):
        own = [host for host, shard in of.items() if shard == index]
        waiting = tuple(host for host in owed if of.get(host) == index)
        said = [name for name in names if name.startswith(f"{FAILURES}{index:05}/")]
        standing = Standing.DONE if not waiting else Standing.FAILED if said else Standing.MISSING
        text = store.get(said[-1]).decode("utf-8", "replace") if said and waiting else ""
        found.append(Shard(index, standing, len(own), waiting, text))
    return found


def _owed(run: Run) -> tuple[str, ...]:
    """The hosts that the run waits for now."""
    step = next_step(run)
    return step.hosts if isinstance(step, Apply | Verify | PutBack) else ()
