"""What may go wrong before a run stops by itself: hosts that failed and hosts out of reach are counted apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from province.rollout.entries import Begun, End
from province.rollout.state import BatchState, Run


@dataclass(frozen=True)
class Verdict:
    """Whether a batch may be followed by the next, else why not; and whether all of it goes back."""

    end: End = End.DONE
    why: str = ""
    all_back: bool = False

    @property
    def good(self) -> bool:
        """Whether the run goes on."""
        return self.end is End.DONE


def failures_allowed(begun: Begun, batch: BatchState) -> int:
    """How many hosts of a batch may fail; none of a small one."""
    return floor(len(batch.plan.hosts) * begun.failed_budget / 100)


def losses_allowed(begun: Begun) -> int:
    """How many hosts may be out of reach in the whole run: one in any case, because a line is always cut."""
    return max(1, floor(len(begun.hosts) * begun.unreachable_budget / 100))


def judge(run: Run, number: int) -> Verdict:
    """What a batch, counted from 1, amounts to so far.

    Failures say that the change is bad: the whole batch goes back. Hosts out of reach say nothing about it, and nothing
    goes back for them; but a batch that proved nothing is no leave for the next one.
    """
    batch = run.batches[number - 1]
    if len(batch.failed) > (allowed := failures_allowed(run.begun, batch)):
        why = f"{len(batch.failed)} of {len(batch.plan.hosts)} hosts failed, allowed are {allowed}"
        return Verdict(End.FAILED, f"batch {number}: {why}", all_back=True)
    if len(run.unreachable) > (allowed := losses_allowed(run.begun)):
        why = f"{len(run.unreachable)} of {len(run.begun.hosts)} hosts are out of reach, allowed are {allowed}"
        return Verdict(End.STOPPED, f"batch {number}: {why}")
    if not batch.waiting and not batch.unverified and not batch.good and number < len(run.batches):
        return Verdict(End.STOPPED, f"batch {number}: no host of it could be verified, so it proves nothing")
    return Verdict()
