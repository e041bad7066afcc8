"""The phases of a move: which step is legal, what the target then has, and what is then true on the source.

Two pure functions for each phase and method: `on_target` is what Pulumi declares, `on_source` what Ansible makes true.
The rule behind both: at no moment do both sides take writes, and until the point of no return the old side can take
over without losing any.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from province.fleet.migration import Method, Phase

FORWARD = (
    Phase.DECLARED,
    Phase.PROVISIONED,
    Phase.REPLICATING,
    Phase.REHEARSED,
    Phase.FROZEN,
    Phase.CUT_OVER,
    Phase.SOAKING,
    Phase.RETIRED,
)
"""The way there, in order. RETIRED is the point of no return."""


class Writes(StrEnum):
    """What a side answers to who wants to write."""

    TAKES = "takes"
    REFUSES = "refuses"


class Stream(StrEnum):
    """Which way changes flow between the two sides."""

    NONE = "none"
    THERE = "there"
    BACK = "back"


@dataclass(frozen=True)
class Target:
    """What is declared on the new platform. `store`: the room for its data; `serves`: users are sent there."""

    store: bool
    writes: Writes
    stream: Stream
    serves: bool


@dataclass(frozen=True)
class Source:
    """What holds on the old host. `offers`: others may copy from it; `kept`: its data is still there."""

    writes: Writes
    offers: bool
    kept: bool


COPIES_ALL_THE_TIME = frozenset({Method.LOGICAL, Method.PHYSICAL, Method.FILES, Method.MAILBOXES, Method.OBJECTS})
"""Methods whose target follows the source long before the freeze; the others copy while the source is frozen."""

FLOWS_BACK = frozenset({Method.LOGICAL, Method.FILES, Method.QUEUE, Method.MAILBOXES, Method.OBJECTS})
"""Methods by which new writes flow back to the old side after the cut-over: all the time, or on the way back.

A promoted standby of another timeline and a dump do not: their way back ends at the cut-over, unless nothing was
written since. The gate before the cut-over says so.
"""

FOLLOWS_A_SCHEMA = frozenset({Method.LOGICAL, Method.PHYSICAL})
HOLDS_NO_DATA = frozenset({Method.REBUILD})
ARCHIVED = frozenset({Method.ARCHIVE})


def refused(now: Phase, wanted: Phase) -> str | None:
    """Why a step is illegal; None when it is legal."""
    if now is wanted:
        return f"it is {now} already"
    if now is Phase.RETIRED:
        return "it is retired: the old side is wiped, and nothing leads back"
    if wanted is Phase.ROLLED_BACK:
        return "nothing has begun that could go back" if now is Phase.DECLARED else None
    if now is Phase.ROLLED_BACK:
        return None if wanted is Phase.DECLARED else "it was rolled back: declare it again first"
    there, here = FORWARD.index(wanted), FORWARD.index(now)
    if there < here:
        return f"{wanted} lies behind: the only way back from {now} is rolled-back"
    if there > here + 1:
        return f"{FORWARD[here + 1]} comes before {wanted}"
    return None


def following(now: Phase) -> Phase | None:
    """The next phase on the way there; None at its end, and for what was rolled back."""
    if now in {Phase.RETIRED, Phase.ROLLED_BACK}:
        return None
    return FORWARD[FORWARD.index(now) + 1]


def on_target(phase: Phase, method: Method) -> Target:
    """What Pulumi declares on the new platform for a move in a phase."""
    nothing = Target(store=False, writes=Writes.REFUSES, stream=Stream.NONE, serves=False)
    if phase is Phase.DECLARED:
        return nothing
    if phase is Phase.ROLLED_BACK:
        # Its data stays until people say otherwise: a store is never taken away by a way back.
        return Target(store=True, writes=Writes.REFUSES, stream=Stream.NONE, serves=False)
    if method in ARCHIVED:
        return Target(store=True, writes=Writes.REFUSES, stream=Stream.NONE, serves=False)
    if phase in {Phase.CUT_OVER, Phase.SOAKING, Phase.RETIRED}:
        back = Stream.BACK if phase is not Phase.RETIRED and method in FLOWS_BACK else Stream.NONE
        return Target(store=True, writes=Writes.TAKES, stream=back, serves=True)
    follows = phase in {Phase.REPLICATING, Phase.REHEARSED} and method in COPIES_ALL_THE_TIME
    copies = phase is Phase.FROZEN and method not in HOLDS_NO_DATA
    stream = Stream.THERE if follows or copies else Stream.NONE
    return Target(store=True, writes=Writes.REFUSES, stream=stream, serves=False)


def on_source(phase: Phase, method: Method) -> Source:
    """What Ansible makes true on the old host for a move in a phase."""
    if phase is Phase.RETIRED:
        return Source(writes=Writes.REFUSES, offers=False, kept=False)
    if phase in {Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING}:
        return Source(writes=Writes.REFUSES, offers=method not in HOLDS_NO_DATA, kept=True)
    offers = phase in {Phase.PROVISIONED, Phase.REPLICATING, Phase.REHEARSED} and method in COPIES_ALL_THE_TIME
    return Source(writes=Writes.TAKES, offers=offers, kept=True)
