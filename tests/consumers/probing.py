"""A prober that connects ten times a second, as long as the machine keeps up, and forgets no failure."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from itertools import cycle

EVERY_S = 0.1
UNDER_WAY = 8
"""So many connections may be open at once: what a machine cannot answer in time must not pile up on it."""


class Prober:
    """Commands that each make one new connection, one of them begun every tenth of a second in turn."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._commands = commands
        self._begun: list[subprocess.Popen[str]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._probe)

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for one in self._begun:
            one.wait()

    @property
    def made(self) -> int:
        """How many connections were begun."""
        return len(self._begun)

    def failures(self) -> list[str]:
        """What every failed one said, once all have ended."""
        return [(one.stderr.read() if one.stderr else "") for one in self._begun if one.wait()]

    def _probe(self) -> None:
        due = time.monotonic()
        for command in cycle(self._commands):
            if self._end.wait(max(0.0, due - time.monotonic())):
                return
            # Late ones are left out, not made up for.
            due = max(due + EVERY_S, time.monotonic())
            while sum(one.poll() is None for one in self._begun[-UNDER_WAY:]) == UNDER_WAY:
                if self._end.wait(EVERY_S):
                    return
            self._begun.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
                )
            )
