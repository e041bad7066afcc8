"""One shard of a run: it conducts the whole run as everybody does, and lays hands on its own hosts alone.

What comes next follows from the facts of all shards (`rollout/conduct.py`), so batches, budgets and an end hold for all
of them without a word between two: no shard begins a batch before all have ended the one before it, and what one of
them breaks stops the others after that batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from province.errors import ExitCode, ProvinceError
from province.rollout.conduct import Apply, Hands, PutBack, Step, Verify, carry_out, next_step
from province.rollout.state import Run
from province.shards.journal import StoreJournal

LOOK_EVERY = 0.2
"""Seconds between two looks at the store while others are at work."""


@dataclass
class Patience:
    """How long the others may say nothing; 0 for ever. A shard that leaves is started again, and goes on."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._since = self.clock()

    def heard(self) -> None:
        """Somebody said something."""
        self._since = self.clock()

    def wait(self, hosts: Collection[str]) -> None:
        """Wait a little for these hosts of others; ProvinceError when nothing was heard for too long."""
        if self.seconds and self.clock() - self._since > self.seconds:
            raise ProvinceError(
                f"the shards of {' '.join(sorted(hosts))} have said nothing for {self.seconds:.0f} s",
                hint="province shard status says which are missing; start them again, then this one",
                exit_code=ExitCode.STALE,
            )
        self.sleep(LOOK_EVERY)


def run_shard(journal: StoreJournal, hands: Hands, mine: Collection[str], patience: Patience) -> Run:
    """Do this shard's part of a run until the run is over; the run as it is then.

    A shard that was killed is started again with the same words: what it had not said yet is done again, which changes
    nothing on a host that is as declared already.
    """
    while True:
        if journal.look():
            patience.heard()
        step = next_step(journal.run)
        if step is None:
            return journal.run
        part = _part(step, mine)
        if part is not None:
            carry_out(part, journal, hands)
        elif isinstance(step, Apply | Verify | PutBack):
            patience.wait(step.hosts)


def _part(step: Step, mine: Collection[str]) -> Step | None:
    """A shard's own part of a step; None when all of it is for others."""
    if not isinstance(step, Apply | Verify | PutBack):
        return step
    own = tuple(host for host in step.hosts if host in mine)
    return replace(step, hosts=own) if own else None
