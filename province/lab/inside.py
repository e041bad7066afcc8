"""Work of this process inside the lab's network: a thread changes its namespace, the process stays outside."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from province.errors import ExitCode, ProvinceError
from province.lab.commands import NETNS_DIR

Item = TypeVar("Item")
Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000
SSH_PORT = 22
PAUSE = 0.1
GREETING = b"SSH-2.0-"


def each(netns: str, work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> list[Result]:
    """Do `work` on each item in threads that stand in the namespace; results in the items' order.

    What `work` raises is raised here after all that had begun have ended.
    """
    with ThreadPoolExecutor(workers, initializer=_enter, initargs=(netns,)) as pool:
        return list(pool.map(work, items))


def ssh_answers(address: IPv4Address | IPv6Address, station: IPv4Address, timeout: float = 1.0) -> bool:
    """Whether an SSH daemon greets at `address` (RFC 4253, section 4.2); call it inside.

    The question comes from the operator's `station`: a configured host answers nobody else.
    """
    origin = (str(station), 0) if address.version == station.version else None
    with (
        contextlib.suppress(OSError),
        socket.create_connection((str(address), SSH_PORT), timeout, source_address=origin) as link,
    ):
        return link.recv(len(GREETING)) == GREETING
    return False


def accepts(address: IPv4Address | IPv6Address, port: int) -> bool:
    """Whether something accepts connections at a TCP port; call it inside."""
    with contextlib.suppress(OSError), socket.create_connection((str(address), port), 1.0):
        return True
    return False


def wait_for(probe: Callable[[], bool], seconds: float, alive: Callable[[], bool]) -> bool:
    """Wait until `probe` succeeds; False when `seconds` are over or what is waited for is no longer alive."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and alive():
        if probe():
            return True
        time.sleep(PAUSE)
    return False


def _enter(netns: str) -> None:
    """Move the calling thread into the namespace (setns(2)); Python offers this itself from 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(NETNS_DIR / netns, os.O_RDONLY)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            raise ProvinceError(
                f"cannot enter network namespace {netns}: {os.strerror(ctypes.get_errno())}",
                hint="run as root, on this machine itself",
                exit_code=ExitCode.MACHINE,
            )
    finally:
        os.close(handle)
