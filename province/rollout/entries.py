"""The lines of a run's journal: one fact each, with its time. What a run is follows from them alone (`state.py`)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from province.fleet.fact import Fact


class Result(StrEnum):
    """What became of a host in one step. `ok`: it was as declared, nothing had to be done, or it passed."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class Back(StrEnum):
    """What became of a host that had to go back to its last good generation.

    `unchanged`: the run had not changed it. `left`: somebody else changed it since, or what was done there cannot be
    undone; it stays as it is.
    """

    BACK = "back"
    UNCHANGED = "unchanged"
    LEFT = "left"
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class End(StrEnum):
    """How a run ended. `stopped`: too many hosts were out of reach; `failed`: a change was bad."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    ABORTED = "aborted"


Wish = Literal["pause", "abort"]

APPLY = "apply"
"""The verb of a run that brings hosts to their declared state; every other one is an operator action's."""


class PlannedBatch(Fact):
    """Hosts that change together, and the seconds that they are then left to themselves."""

    stage: str
    hosts: tuple[str, ...]
    soak_seconds: int


class Entry(Fact):
    """Any line."""

    time: datetime


class Begun(Entry):
    """The first line: who wants what, why, and where; everything that a controller needs to go on.

    `digests` are those of the manifests that the plan was made from, by host. `lost` are hosts that the plan could not
    ask, with what they said: they wait for a later run. Budgets as in the model (`fleet/rollout.py`), percent.
    `verb` is what is done to the hosts, with its `arguments`; `against` names the freezes and windows that an emergency
    went over. An `urgent` one runs beside all others; it is begun anew rather than resumed.
    """

    kind: Literal["begun"] = "begun"
    run: str
    verb: str = APPLY
    arguments: dict[str, str] = Field(default_factory=dict)
    against: tuple[str, ...] = ()
    urgent: bool = False
    environment: str
    who: str
    reason: str
    ticket: str = ""
    commit: str
    only: tuple[str, ...] = ()
    batches: tuple[PlannedBatch, ...]
    digests: dict[str, str]
    as_declared: tuple[str, ...] = ()
    lost: dict[str, str] = Field(default_factory=dict)
    failed_budget: float
    unreachable_budget: float

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are to change, in their order."""
        return tuple(host for batch in self.batches for host in batch.hosts)


class BatchBegun(Entry):
    """From here on hosts of the batch may have changed. Batches count from 1."""

    kind: Literal["batch-begun"] = "batch-begun"
    batch: int


class Applied(Entry):
    """What the playbook made of one host."""

    kind: Literal["applied"] = "applied"
    batch: int
    host: str
    result: Result
    said: str = ""


class Soaked(Entry):
    """The batch was left to itself for its time."""

    kind: Literal["soaked"] = "soaked"
    batch: int


class Verified(Entry):
    """What verification made of one host: ok, failed or unreachable. `evidence` is the file that says it."""

    kind: Literal["verified"] = "verified"
    batch: int
    host: str
    result: Result
    said: str = ""
    evidence: str = ""


class Returned(Entry):
    """One host had to go back."""

    kind: Literal["returned"] = "returned"
    batch: int
    host: str
    back: Back
    said: str = ""


class BatchEnded(Entry):
    """The batch is over; unless it is `good`, so is the run, for the reason `why`."""

    kind: Literal["batch-ended"] = "batch-ended"
    batch: int
    good: bool
    end: End = End.DONE
    why: str = ""


class Asked(Entry):
    """Somebody wants the run to pause, or to end here."""

    kind: Literal["asked"] = "asked"
    wish: Wish
    who: str


class Paused(Entry):
    """The controller has left; the run waits."""

    kind: Literal["paused"] = "paused"


class Resumed(Entry):
    """A controller goes on, after a pause or after the one before it was killed."""

    kind: Literal["resumed"] = "resumed"
    who: str
    against: tuple[str, ...] = ()


class Ended(Entry):
    """The last line."""

    kind: Literal["ended"] = "ended"
    end: End
    why: str = ""


AnyEntry = Begun | BatchBegun | Applied | Soaked | Verified | Returned | BatchEnded | Asked | Paused | Resumed | Ended
LINE: TypeAdapter[AnyEntry] = TypeAdapter(Annotated[AnyEntry, Field(discriminator="kind")])
