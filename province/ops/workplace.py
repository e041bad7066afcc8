"""Where an environment's commands run: inside the lab's network for the lab, here for every other environment."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from province.fleet.fleet import Fleet
from province.lab import desk, workbench
from province.lab.provision import LAB

TAIL_LINES = 40


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, its wall time in seconds, and the file that holds what it printed."""

    code: int
    seconds: float
    log: Path

    @property
    def text(self) -> str:
        """Everything the command printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def tail(self) -> str:
        """The last lines, enough to see why it failed."""
        return "\n".join(self.text.rstrip().splitlines()[-TAIL_LINES:])


@dataclass(frozen=True)
class Workplace:
    """One environment's desk: words that lead there, and the variables that commands find."""

    checkout: Path
    environment: str

    @classmethod
    def of(cls, fleet: Fleet) -> Workplace:
        """The desk from which a fleet's environment is worked on."""
        return cls(fleet.root.parent, fleet.environment.id)

    @property
    def private(self) -> Path:
        """Files of this environment that are never committed: kubeconfigs, evidence, reports, logs."""
        return self.checkout / ".province" / self.environment

    def words(self, argv: Sequence[str]) -> list[str]:
        """A command as it has to be called to run there."""
        return desk.command(self.checkout, argv) if self.environment == LAB else list(argv)

    def variables(self) -> dict[str, str]:
        """The environment variables of commands there."""
        if self.environment == LAB:
            return workbench.environment(self.checkout)
        return {**os.environ, "PROVINCE_ENVIRONMENT": self.environment}

    def run(self, name: str, argv: Sequence[str]) -> Outcome:
        """Run a command there, with everything it prints kept in `logs/<name>.log`."""
        log = self.private / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        with log.open("w", encoding="utf-8") as sink:
            done = subprocess.run(
                self.words(argv),
                cwd=self.checkout,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
            )
        return Outcome(done.returncode, time.monotonic() - begun, log)
