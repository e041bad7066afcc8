"""Where a lab lies and what it is called: one place per checkout, so that two checkouts never meet."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError

RUNTIME = Path("/run/province")
ID_DIGITS = 8


@dataclass(frozen=True)
class Place:
    """The folders and names of the lab that belongs to one checkout.

    Everything that outlives the starter is named by `id`, which follows from the checkout's path: so what a
    killed run left behind is found again.
    """

    checkout: Path

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that stand for this checkout."""
        return hashlib.sha256(str(self.checkout.resolve()).encode()).hexdigest()[:ID_DIGITS]

    @property
    def root(self) -> Path:
        """Everything of the lab that is kept on disk."""
        return self.checkout.resolve() / ".province" / "lab"

    @property
    def runtime(self) -> Path:
        """Sockets: a short path, because a socket's path may have at most 107 bytes."""
        return RUNTIME / self.id

    @property
    def netns(self) -> str:
        """The network namespace that holds the whole lab."""
        return f"prov-{self.id}"

    @property
    def guests(self) -> Path:
        """One folder per guest."""
        return self.root / "guests"

    @property
    def ssh(self) -> Path:
        """The certificate authority, the operator's key and the client's configuration."""
        return self.root / "ssh"

    @property
    def mirror(self) -> Path:
        """What the lab's package source serves."""
        return self.root / "mirror"

    def machine(self, guest: str) -> str:
        """Return the name that a guest's container and control groups carry on this machine."""
        return f"{self.netns}-{guest}"


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder's lock (flock(2)), which leaves no file behind; BlockingIOError if it may not wait."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextmanager
def exclusive(place: Place, purpose: str) -> Iterator[None]:
    """Hold the lab alone while it is changed; raise ProvinceError that names the holder if it is taken."""
    place.root.mkdir(parents=True, exist_ok=True)
    note = place.root / "changed-by"
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(place.root.parent, wait=False))
        except BlockingIOError:
            raise ProvinceError(
                f"the lab of {place.checkout} is being changed by {_holder(note)}",
                hint="wait until it has ended, or end that process; the next `up` or `down` then recovers",
                exit_code=ExitCode.MACHINE,
            ) from None
        note.write_text(f"`{purpose}` (process {os.getpid()}, since {time.strftime('%H:%M:%S')})")
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def _holder(note: Path) -> str:
    """Say who holds the lab."""
    return note.read_text() if note.exists() else "another process that has only just begun"
