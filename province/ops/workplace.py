"""Where an environment's commands run: inside the lab's network for the lab, here for every other environment.

A process inside it already, a pod of its cluster, says so (`HERE`), and then they run where it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from province.fleet.fleet import Fleet
from province.lab import desk, workbench
from province.lab.provision import LAB

TAIL_LINES = 40
REPORT_EVERY = 10.0
"""Seconds after which a command that still runs is heard of, again and again."""

ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
"""Words before a command that is told to end when we do, even killed: nobody would hear what it goes on to change.

A pod ends all of its processes with its first one, and its image has no program for it.
"""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

HERE = "PROVINCE_WORKPLACE_HERE"
"""Environment variable: set where this process stands inside the environment already, as a pod of its cluster does."""

Watch = Callable[[str, float, str], None]
"""Hears of a command that still runs: its name, for how many seconds, what it has printed."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, its wall time in seconds, and the file that holds what it printed.

    `output` holds its standard output alone where that was asked for, and `log` the rest; else they are one file.
    """

    code: int
    seconds: float
    log: Path
    output: Path

    @property
    def text(self) -> str:
        """Everything the command printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def tail(self) -> str:
        """The last lines, enough to see why it failed."""
        return "\n".join(self.text.rstrip().splitlines()[-TAIL_LINES:])


def _nobody(_name: str, _seconds: float, _text: str) -> None: ...


@dataclass(frozen=True)
class Workplace:
    """One environment's desk: words that lead there, the variables that commands find, and who hears of long ones."""

    checkout: Path
    environment: str
    watch: Watch = _nobody

    @classmethod
    def of(cls, fleet: Fleet, watch: Watch = _nobody) -> Workplace:
        """The desk from which a fleet's environment is worked on."""
        return cls(fleet.root.parent, fleet.environment.id, watch)

    @property
    def private(self) -> Path:
        """Files of this environment that are never committed: kubeconfigs, evidence, reports, logs."""
        return self.checkout / ".province" / self.environment

    @property
    def _elsewhere(self) -> bool:
        """Whether the environment has a network of its own that commands have to enter."""
        return self.environment == LAB and not os.environ.get(HERE)

    def words(self, argv: Sequence[str]) -> list[str]:
        """A command as it has to be called to run there."""
        return desk.command(self.checkout, argv) if self._elsewhere else list(argv)

    def variables(self) -> dict[str, str]:
        """The environment variables of commands there."""
        if self._elsewhere:
            return workbench.environment(self.checkout)
        return {**os.environ, "PROVINCE_ENVIRONMENT": self.environment}

    def run(self, name: str, argv: Sequence[str], *, answers: bool = False) -> Outcome:
        """Run a command there, with everything it prints kept in `logs/<name>.log`.

        With `answers`, its standard output goes to `logs/<name>.json` instead, for a program to read.
        """
        log = self.private / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        output = log.with_suffix(".json") if answers else log
        begun = time.monotonic()
        with contextlib.ExitStack() as files:
            sink = files.enter_context(log.open("w", encoding="utf-8"))
            answer = files.enter_context(output.open("w", encoding="utf-8")) if answers else sink
            process = files.enter_context(
                subprocess.Popen(
                    [*(() if os.environ.get(HERE) else ENDS_WITH_US), *self.words(argv)],
                    cwd=self.checkout,
                    env=self.variables(),
                    stdin=subprocess.DEVNULL,
                    stdout=answer,
                    stderr=sink,
                )
            )
            code = self._wait(process, name, log, begun)
        return Outcome(code, time.monotonic() - begun, log, output)

    def _wait(self, process: subprocess.Popen[bytes], name: str, log: Path, begun: float) -> int:
        """The exit code of a command, with whoever watches told of it while it runs."""
        while True:
            try:
                return process.wait(REPORT_EVERY)
            except subprocess.TimeoutExpired:
                self.watch(name, time.monotonic() - begun, log.read_text(encoding="utf-8", errors="replace"))
            except BaseException:
                process.terminate()
                raise
