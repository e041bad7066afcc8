"""The runner for one machine: a process for each shard, started again when it is killed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LOOK_EVERY = 0.1


@dataclass
class Local:
    """Processes of shards. `words` is the command of one; each may be started `tries` times."""

    words: Callable[[int], Sequence[str]]
    count: int
    tries: int
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)

    def run(self) -> tuple[int, ...]:
        """Run all shards to their ends; those that used up their tries.

        Then the others are stopped: they would wait for those, and go on from the store as well later.
        """
        try:
            for index in range(self.count):
                self._start(index)
            while self.processes:
                time.sleep(LOOK_EVERY)
                if lost := tuple(index for index in list(self.processes) if not self._goes_on(index)):
                    return lost
            return ()
        finally:
            for process in self.processes.values():
                process.terminate()
            for process in self.processes.values():
                process.wait()

    def _goes_on(self, index: int) -> bool:
        code = self.processes[index].poll()
        if code is None:
            return True
        del self.processes[index]
        if code == 0:
            return True
        if self.begun[index] >= self.tries:
            return False
        self._start(index)
        return True

    def _start(self, index: int) -> None:
        self.begun[index] = self.begun.get(index, 0) + 1
        self.processes[index] = subprocess.Popen(list(self.words(index)), stdin=subprocess.DEVNULL)
