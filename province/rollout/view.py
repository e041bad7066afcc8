"""A run as people watch it: one line for each batch, the names that are still running, failures last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from province.rollout.entries import APPLY, Result
from province.rollout.history import Standing, counts, first_line, standing, state, told_of, verb
from province.rollout.state import BatchState, Run

NAMED = 4
FACTS = {"run", "environment", "time", "who", "reason", "ticket", "commit", "verb", "arguments", "against"}


def batch_line(run: Run, number: int, now: datetime) -> str:
    """One batch, counted from 1, in a line: ok, changed, failed, unreachable, left, verified, who is still running."""
    batch = run.batches[number - 1]
    head = f"batch {number}/{len(run.batches)}  {batch.plan.stage:<14} {len(batch.plan.hosts):>3}"
    words = [f"{name} {count}" for name, count in figures(batch).items() if count]
    if batch.begun:
        words.append(_doing(batch))
        end = batch.ended.time if batch.ended else now
        words.append(clock((end - batch.begun.time).total_seconds()))
    return "   ".join([head, *filter(None, words)])


def figures(batch: BatchState) -> dict[str, int]:
    """How many hosts of a batch are what."""
    results = [one.result for one in batch.applied.values()]
    return {
        "ok": results.count(Result.OK),
        "changed": results.count(Result.CHANGED),
        "verified": len(batch.good),
        "failed": len(batch.failed),
        "unreachable": len(batch.unreachable),
        "went back": len(batch.returned),
        "left": len(batch.waiting),
    }


def _doing(batch: BatchState) -> str:
    """What a batch that has begun is at."""
    if batch.ended:
        return "" if batch.ended.good else str(batch.ended.end)
    if batch.waiting:
        more = f" and {len(batch.waiting) - NAMED} more" if len(batch.waiting) > NAMED else ""
        return f"running {len(batch.waiting)}: {' '.join(batch.waiting[:NAMED])}{more}"
    if not batch.soaked and batch.reached and not batch.returned:
        return f"watched for {batch.plan.soak_seconds} s"
    return "being verified" if batch.unverified else ""


def lines(run: Run, now: datetime) -> list[str]:
    """Every batch of a run."""
    return [batch_line(run, number, now) for number in range(1, len(run.batches) + 1)]


def head(run: Run) -> str:
    """A run in a line."""
    begun = run.begun
    told = "   ".join(f"{count} {word}" for word, count in counts(run).items())
    why = " ".join(filter(None, (verb(run), begun.ticket, begun.reason)))
    return f"{begun.run}  {begun.time:%Y-%m-%d %H:%M}  {state(run):<9}  {begun.who}  {why}   {told}"


def ending(run: Run) -> Iterator[str]:
    """How a run ended: what was left, then failures, each with its reason, and what to type next."""
    if run.paused:
        yield "paused; `province apply --resume` goes on"
    elif run.ended:
        why = f": {run.ended.why}" if run.ended.why else ""
        words = ", ".join(f"{count} {word}" for word, count in counts(run).items())
        yield f"{run.ended.end}{why}; {words or 'nothing to change'}"
    for host in (*run.begun.lost, *run.unreachable):
        yield f"unreachable  {host}: {_reason(run, host)}"
    for host in run.failed:
        yield f"failed       {host}: {_reason(run, host)}"
    if run.ended and run.untouched:
        yield f"untouched    {' '.join(run.untouched)}"
    for one in run.begun.against:
        yield f"emergency    it was done in spite of {one}"
    if (run.begun.lost or run.unreachable) and run.begun.verb == APPLY:
        yield f"once they answer: province apply --pending -e {run.begun.environment} --reason …"
    if run.failed:
        yield f"more of them: province why {run.failed[0]} -e {run.begun.environment}"


def _reason(run: Run, host: str) -> str:
    """What a host said when it went wrong, and what became of it then."""
    said = [f"{one.what}: {first_line(one.said)}" if one.said else one.what for one in told_of(run, host)]
    return "; ".join(said)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def as_json(run: Run) -> dict[str, Any]:
    """A run for programs and for the page."""
    begun = run.begun
    facts = begun.model_dump(mode="json", include=FACTS)
    return {
        **facts,
        "state": state(run),
        "why": run.ended.why if run.ended else "",
        "counts": counts(run),
        "seen": run.seen.isoformat(),
        "batches": [
            {
                "stage": batch.plan.stage,
                "hosts": len(batch.plan.hosts),
                **figures(batch),
                "doing": _doing(batch) if batch.begun else "",
                "running": list(batch.waiting) if batch.begun else [],
                "over": batch.ended is not None,
            }
            for batch in run.batches
        ],
        "hosts": {
            host: {"standing": how, "said": [f"{one.what} {one.said}".strip() for one in told_of(run, host)]}
            for host in (*begun.hosts, *begun.lost)
            if (how := standing(run, host)) not in (None, Standing.PROVEN)
        },
    }
