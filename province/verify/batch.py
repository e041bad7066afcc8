"""testinfra's `batch://`: answers come from what a host told in one round trip; what it was not asked, it is asked now.

Which commands checks will ask is known from the last time that they ran on the same host: the book of commands. The
first time, and for a check that is new, every command is asked by itself and written down for the next time.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from testinfra.backend import BACKENDS

from province.verify.snapshot import Said, Snapshot
from province.verify.transport import Hung, OpenSsh

SCHEME = "batch"


class Answers:
    """What all hosts of a run told, who asked for what, and how often that was enough."""

    def __init__(self, snapshots: Mapping[str, Snapshot] | None = None) -> None:
        self._snapshots = dict(snapshots or {})
        self.seconds = 0.0
        """How long it took until the hosts had told everything."""
        self.asked: dict[str, dict[str, None]] = {}
        self.found = 0
        self.missed: dict[tuple[str, str], int] = {}
        self.refused: Counter[tuple[str, str]] = Counter()

    def add(self, snapshots: Mapping[str, Snapshot], seconds: float) -> None:
        """Keep what hosts told, in place of what they told before."""
        self._snapshots.update(snapshots)
        self.seconds += seconds

    def find(self, host: str, command: str) -> Said | None:
        """What a host told of a command; None when it was not asked, or when its snapshot may not be used."""
        self.asked.setdefault(host, {})[command] = None
        snapshot = self._snapshots.get(host)
        said = snapshot.said.get(command) if snapshot else None
        refusal = snapshot.refusal(time.monotonic()) if snapshot else ""
        if said is None or refusal:
            self.missed[host, command] = self.missed.get((host, command), 0) + 1
            self.refused.update([(host, refusal)] if refusal else [])
            return None
        self.found += 1
        return said

    @property
    def summary(self) -> str:
        """For people: round trips, answers that were there, and commands that had to be asked by themselves."""
        missed = sum(self.missed.values())
        trips = f"{self.found} answers of {len(self._snapshots)} hosts, each in one round trip, in {self.seconds:.1f} s"
        line = f"{trips}, {missed} commands asked by themselves"
        refused = [f"\n             {host}: what was gathered is not used, {why}" for host, why in self.refused]
        return "".join([line, *refused])


class Batch(OpenSsh):
    """Answers from a run's `answers`; without them, or for what they lack, it is `openssh://`."""

    NAME = SCHEME

    def __init__(self, hostspec: str, ssh_config: str, answers: Answers | None = None, **kwargs: Any) -> None:
        super().__init__(hostspec, ssh_config, **kwargs)
        self._answers = answers

    def run(self, command: str, *args: str, **kwargs: Any) -> Any:
        """What the host told of the command, or tells now; Hung and Unreachable as `openssh://`."""
        asked = self.quote(command, *args)
        said = self._answers.find(self.hostname, asked) if self._answers else None
        if said is None:
            return super().run(command, *args, **kwargs)
        if said.hung:
            raise Hung(asked, self._seconds)
        return self.result(said.code, asked.encode(), said.out, said.err)


BACKENDS[SCHEME] = f"{__name__}.{Batch.__name__}"


class Book:
    """The commands that checks ask of each host, in a file beside the evidence; for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._commands: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            self._commands = {}

    def of(self, hosts: Iterable[str]) -> dict[str, Sequence[str]]:
        """What every host is going to be asked."""
        return {host: self._commands.get(host, []) for host in hosts}

    def write(self, asked: Mapping[str, Iterable[str]], *, whole: bool) -> None:
        """Note what was asked; after a `whole` run of a host's checks nothing else is asked of it any more."""
        for host, commands in asked.items():
            before = [] if whole else self._commands.get(host, [])
            self._commands[host] = list(dict.fromkeys([*before, *commands]))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self._commands, indent=0), encoding="utf-8")
        draft.replace(self._path)
