"""Confirmed commit: what may cut the host off goes back by itself unless a new connection says that it did not."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from .boot import PROGRAM
from .journal import Journal
from .node import Node, Trouble

UNIT = "province-revert"
SWITCH_SECONDS = 300
"""What the switch itself may take on top, before a transaction whose process has died goes back by itself."""


def arm(node: Node, journal: Journal, more: int = 0) -> None:
    """Start the timer anew: systemd counts it by the monotonic clock and needs neither network nor us for it."""
    disarm(node, journal)
    node.step("arm")
    seconds = journal.confirm_seconds + more
    name = f"{UNIT}-{journal.generation}-{time.monotonic_ns()}"
    timer = ("--quiet", "--collect", f"--unit={name}", f"--on-active={seconds}s", "--timer-property=AccuracySec=1s")
    done = node.try_run(["systemd-run", *timer, *PROGRAM, "revert", str(journal.generation)])
    if done.code:
        raise Trouble(f"the timer that puts guarded changes back cannot be started, nothing was switched:\n{done.tail}")


def disarm(node: Node, journal: Journal) -> None:
    """Stop the timers of a transaction; one whose time has come waits for us and then finds nothing to do."""
    if journal.guarded:
        node.try_run(["systemctl", "stop", f"{UNIT}-{journal.generation}-*.timer"])


def connection() -> str:
    """The SSH connection by which this process was reached: addresses and ports of both ends; empty without one.

    sudo clears the variable, so the process's ancestors are asked (sshd sets it for every session, sshd(8)).
    """
    pid = os.getpid()
    while pid > 1:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return ""
        for one in environ:
            if one.startswith(b"SSH_CONNECTION="):
                return one.partition(b"=")[2].decode("utf-8", "replace")
    return ""


def reached_by(request: dict[str, Any]) -> str:
    """The connection by which a request came: of SSH; else the one to a site that the node's own request names."""
    return connection() or str(request.get("connection", ""))


def refuse_same_connection(journal: Journal, now: str) -> None:
    """A connection that was open before says nothing about the next one."""
    if not now or now == journal.connection:
        raise Trouble("a guarded change is confirmed only over a new connection; this one was open when it was made")
