"""The host that a transaction works on: its files below a root directory, and its programs."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SHOWN_LINES = 15
LIMIT = 900.0
"""Seconds that a program may take; the longest is apt over a 6 Mbit/s line."""
PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
STAGED = ".province-new"
LOCK = "/run/province-node.lock"


class Trouble(Exception):
    """Why the host cannot get to the wanted state, said to the person who must mend it."""


class Done(NamedTuple):
    """How a program ended: exit code, and everything it printed."""

    code: int
    output: str

    @property
    def head(self) -> str:
        """The first lines that were printed: the first error is the cause of the others."""
        return "\n".join(self.output.strip().splitlines()[:SHOWN_LINES])

    @property
    def tail(self) -> str:
        """The last lines that were printed."""
        return "\n".join(self.output.strip().splitlines()[-SHOWN_LINES:])


class Node:
    """A host. Everything else here takes one; `root` is `/` but in tests."""

    def __init__(self, root: str = "/") -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Where the host's file `name` is for this process."""
        return Path(self.root, name.lstrip("/"))

    def read(self, name: str) -> str:
        """The text of a file, empty if there is none."""
        try:
            return self.path(name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def try_run(self, command: Sequence[str], **environment: str) -> Done:
        """Run a program to its end, whatever comes of it; code 127 when there is no such program, 124 after LIMIT."""
        environ = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": PROGRAMS, **environment}
        try:
            done = subprocess.run(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environ,
                check=False,
                timeout=LIMIT,
            )
        except FileNotFoundError:
            return Done(127, f"{command[0]}: no such program")
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode("utf-8", "replace")
            return Done(124, f"{said}\n{command[0]} did not end within {LIMIT:.0f} s")
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"))

    def run(self, command: Sequence[str], **environment: str) -> str:
        """Run a program to its end and return what it printed; Trouble if it fails."""
        done = self.try_run(command, **environment)
        if done.code:
            raise Trouble(f"`{' '.join(command)}` failed with exit code {done.code}:\n{done.tail}")
        return done.output

    def pipe(self, command: Sequence[str], given: bytes = b"") -> bytes:
        """What a program prints when it is given these bytes; Trouble has its complaint, never what it printed."""
        environ = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": PROGRAMS}
        try:
            done = subprocess.run(list(command), input=given, capture_output=True, env=environ, check=False)
        except FileNotFoundError:
            raise Trouble(f"{command[0]}: no such program; its package is missing from `packages`") from None
        if done.returncode:
            raise Trouble(f"`{' '.join(command)}` failed:\n{Done(1, done.stderr.decode('utf-8', 'replace')).head}")
        return done.stdout

    def step(self, label: str) -> None:
        """Called before every effect; tests cut the power here."""

    @contextmanager
    def alone(self, holder: str, patient: bool = False) -> Iterator[None]:
        """Hold the host for `holder`: a second transaction at the same time is refused, or waits if it is patient."""
        path = self.path(LOCK)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
            except BlockingIOError:
                raise Trouble(f"another transaction is at work on this host: {_holder(path)}") from None
            lock.truncate(0)
            lock.write(json.dumps({"who": holder, "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}))
            lock.flush()
            try:
                yield
            finally:
                lock.truncate(0)


def _holder(path: Path) -> str:
    """Who holds the host, as the holder wrote it down."""
    text = path.read_text(encoding="utf-8")
    if not text:
        return "it has only just begun"
    found = json.loads(text)
    return f"{found['who']}, since {found['since']}"


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: bytes, mode: int, owner: int | None = None, group: int | None = None) -> None:
    """Write a new file that survives a power cut; its name does only after `sync_folder`."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        if owner is not None and group is not None:
            os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Make what is missing of a folder so that everybody may pass, whatever umask the session came with.

    Services that are not root read their files there; what is nobody's business has a mode of its own.
    """
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        one.chmod(0o755)


def replace_durably(place: Path, content: bytes, mode: int, owner: int | None = None, group: int | None = None) -> None:
    """Put a file in its place as a whole, so that it is the old one or the new one after a power cut."""
    make_folders(place.parent)
    fresh = staged(place)
    write_durably(fresh, content, mode, owner, group)
    fresh.replace(place)
    sync_folder(place.parent)


def staged(target: Path) -> Path:
    """Where a file waits: in the folder of its target, under a name that no program reads."""
    return target.with_name(f".{target.name}{STAGED}")
