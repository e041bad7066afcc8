"""Find and end the processes of a lab by what they are, so that a stale process number is never trusted."""

from __future__ import annotations

import itertools
import os
import select
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A running process: its number and the words it was started with."""

    pid: int
    argv: tuple[str, ...]


def find(wanted: Callable[[tuple[str, ...]], bool]) -> list[Process]:
    """List the running processes whose command line is wanted; one that ends meanwhile is left out."""
    commands = {folder.name: _argv(folder) for folder in PROC.iterdir() if folder.name.isdigit()}
    return [Process(int(name), argv) for name, argv in commands.items() if argv and wanted(argv)]


def in_network(namespace: Path) -> list[Process]:
    """List the processes whose network is this namespace (network_namespaces(7)); none if it is not there.

    A process that even root may not look into is the machine's own guard, never a part of a lab.
    """
    if not namespace.exists():
        return []
    wanted = namespace.stat()
    found = []
    for process in find(lambda _: True):
        try:
            own = (PROC / str(process.pid) / "ns" / "net").stat()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if (own.st_dev, own.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(process)
    return found


def option(argv: tuple[str, ...], name: str) -> str | None:
    """Return the word after the option `name`, or None if it does not occur."""
    return next((value for word, value in itertools.pairwise(argv) if word == name), None)


def descendants(pid: int) -> list[int]:
    """List the processes that a process has begun, and those that these have begun."""
    children = _children(pid)
    return children + [below for child in children for below in descendants(child)]


def container_init(supervisor: int) -> int | None:
    """Return the PID 1 of the container that a process supervises, or None while it has none yet.

    While it starts, the supervisor has another child; the namespaces tell them apart (proc_pid_status(5), NSpid).
    """
    return next((pid for pid in _children(supervisor) if _is_container_init(pid)), None)


def end(pids: Iterable[int], *, waiting_for: Iterable[int] = (), seconds: float = 30.0) -> None:
    """Kill processes and wait until they and those in `waiting_for` are gone.

    Raises ProvinceError when one is still there after `seconds`. Works on handles, not numbers, so that a
    number that is used again in between is never hit.
    """
    victims = _handles(pids)
    watched = {**victims, **_handles(waiting_for)}
    try:
        for handle in victims.values():
            _kill(handle)
        poll = select.poll()
        for handle in watched.values():
            poll.register(handle, select.POLLIN)
        remaining = set(watched.values())
        while remaining:
            ended = poll.poll(seconds * 1000)
            if not ended:
                raise _survivors([pid for pid, handle in watched.items() if handle in remaining], seconds)
            for handle, _ in ended:
                poll.unregister(handle)
                remaining.discard(handle)
    finally:
        for handle in {*victims.values(), *watched.values()}:
            os.close(handle)


def _survivors(pids: list[int], seconds: float) -> ProvinceError:
    """Build the error for processes that do not go away."""
    names = ", ".join(map(str, sorted(pids)))
    return ProvinceError(
        f"processes {names} are still there {seconds:.0f} s after they were killed",
        hint="they hang in the kernel: look at /proc/PID/stack, then run `down` again",
        exit_code=ExitCode.MACHINE,
    )


def _kill(handle: int) -> None:
    """Send SIGKILL; a process that is gone already is what was wanted."""
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return


def _handles(pids: Iterable[int]) -> dict[int, int]:
    """Open a handle on each process that still exists."""
    handles = {}
    for pid in pids:
        try:
            handles[pid] = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
    return handles


def _children(pid: int) -> list[int]:
    """List a process's children; none if it is gone (proc_tid_children(5))."""
    try:
        return [int(word) for word in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _is_container_init(pid: int) -> bool:
    """Whether a process is PID 1 of a process namespace below this one."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(numbers) > 1 and numbers[-1] == "1"


def _argv(folder: Path) -> tuple[str, ...]:
    """Read a process's command line; empty for kernel threads, zombies and processes just gone."""
    try:
        raw = (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(word.decode(errors="replace") for word in raw.rstrip(b"\0").split(b"\0")) if raw else ()
