"""One writer at a time, by flock(2): the kernel lets go of a lock when its last holder dies, and never before.

The lock's file says who holds it, for whoever is refused; what it says after that holder died tells what was left.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from province.errors import ProvinceError
from province.fleet.fact import Fact
from province.whoami import operator

MINUTE, HOUR, DAY = 60, 3600, 86400


class Holder(Fact):
    """Who holds a lock: a process of a person on a machine, since when, and for what."""

    who: str
    host: str
    pid: int
    since: datetime
    what: str

    @classmethod
    def this_process(cls, what: str) -> Holder:
        """Ourselves."""
        return cls(who=operator(), host=socket.gethostname(), pid=os.getpid(), since=datetime.now(UTC), what=what)

    def said(self, now: datetime) -> str:
        """The holder as a message names it."""
        since = f"{self.since:%Y-%m-%d %H:%M:%S} UTC ({age((now - self.since).total_seconds())} ago)"
        return f"{self.who}, process {self.pid} on {self.host}, since {since}: {self.what}"


class Locked(ProvinceError):
    """Somebody else is at work."""


@dataclass(frozen=True)
class Lock:
    """A lock that is held: its open file, for programs that shall hold it, too, and what a dead holder had left."""

    descriptor: int
    left_over: Holder | None


@contextmanager
def hold(path: Path, holder: Holder, waits: Callable[[str], None] | None = None) -> Iterator[Lock]:
    """Hold the lock that a file stands for.

    Raises Locked, naming who holds it and since when. With `waits`, which hears why, programs that a dead controller
    left behind are waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        _take(descriptor, path, waits)
        left_over = read_holder(path)
        _write(descriptor, holder.model_dump_json())
        try:
            yield Lock(descriptor, left_over)
        finally:
            _write(descriptor, "")
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, waits: Callable[[str], None] | None) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = read_holder(path)
        if waits is None or holder is None or runs_here(holder):
            raise _refusal(path, holder) from None
        waits(f"{holder.who}'s controller is gone, what it started is still at work; waiting for its end")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def read_holder(path: Path) -> Holder | None:
    """Who a lock's file names; None when nobody, or when it was cut off while it was written."""
    try:
        return Holder.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None


def runs_here(holder: Holder) -> bool:
    """Whether the holder's process may still be there; on another machine nobody can tell, so it may."""
    if holder.host != socket.gethostname():
        return True
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def age(seconds: float) -> str:
    """A span of time in its largest whole unit."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _refusal(path: Path, holder: Holder | None) -> Locked:
    if holder is None:
        return Locked(f"somebody holds {path}", hint="wait for it; nothing was changed")
    said = holder.said(datetime.now(UTC))
    if runs_here(holder):
        return Locked(f"another controller is at work: {said}", hint="wait for it; nothing was changed")
    return Locked(
        f"its controller is gone, but a program that it started is still at work: {said}",
        hint="wait until that ends by itself (some minutes), then `province apply --resume`; nothing was changed",
    )


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    os.fsync(descriptor)
