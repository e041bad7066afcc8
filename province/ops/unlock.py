"""Freeing a stack that a killed run has left locked, and only then.

Pulumi says who holds a lock when somebody else asks for it. The lock is asked for by giving the stack the name that it
has: that is refused with or without a lock, and changes nothing. A lock whose process is gone from this very machine
holds nothing any more; any other may.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from province.errors import ProvinceError
from province.ops import last_up, stacks
from province.ops.stack_trouble import said, trouble
from province.ops.workplace import Workplace

LOCK = re.compile(r"created by (?P<user>\S+?)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<since>\S+)")
LOCKED = "currently locked by"
NOT_LOCKED = "already exists"


@dataclass(frozen=True)
class Lock:
    """Who holds a stack: the process `pid` of `user` on `host`, `since` when."""

    user: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


@dataclass(frozen=True)
class Freed:
    """What became of a stack's locks, as a line."""

    stack: str
    changed: bool
    line: str


def unlock(work: Workplace, stack: str) -> Freed:
    """Free a stack whose locks are all left over.

    Raises ProvinceError when a run that holds it lives, or may live: then nothing is freed.
    """
    holders = _holders(work, stack)
    if not holders:
        return Freed(stack, changed=False, line=f"{stack} is not locked")
    if living := left_alone(holders, socket.gethostname(), runs_here):
        raise ProvinceError(
            f"stack {stack} is in use: {'; '.join(map(str, living))}",
            hint="wait for it, or end it there first; nothing was freed",
        )
    last_up.drop(work, stack)
    stacks.succeeded(stack, work.run(f"cancel-{stack}", ["pulumi", "cancel", "--yes", "--stack", stack]))
    return Freed(stack, changed=True, line=f"{stack} is free again; it was held by {'; '.join(map(str, holders))}")


def left_alone(holders: Sequence[Lock], here: str, runs: Callable[[int], bool]) -> list[Lock]:
    """The locks that must not be taken away: of other machines, where nobody can look, and of processes that run."""
    return [one for one in holders if one.host != here or runs(one.pid)]


def holders_of(printed: str) -> list[Lock]:
    """Who holds a stack, from what Pulumi printed when it was refused."""
    return [Lock(one["user"], one["host"], int(one["pid"]), one["since"]) for one in LOCK.finditer(printed)]


def runs_here(pid: int) -> bool:
    """Whether a process with that number runs on this machine and is a Pulumi: numbers are given out again."""
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _holders(work: Workplace, stack: str) -> list[Lock]:
    """Ask for the lock; whoever holds it is named in the refusal, and without a lock the new name is refused."""
    asked = work.run(f"lock-{stack}", ["pulumi", "stack", "rename", stack, "--stack", stack, "--non-interactive"])
    text = said(asked)
    found = holders_of(text)
    if not found and (LOCKED in text or NOT_LOCKED not in text):
        raise trouble(stack, asked)
    return found
