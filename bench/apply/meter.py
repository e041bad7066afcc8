"""What a command costs: wall time, CPU of everything it starts here, CPU of the hosts, bytes on the hosts' lines.

A command runs in a control group of its own, so that kept SSH connections count for the one who opened them. The
hosts are containers on the same cores: theirs is read from their own groups, and never mixed with the controller's.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import cgroups, guest, network, processes
from province.lab.commands import enter, run
from province.lab.spec import GuestSpec
from province.lab.state import Place

JOIN = 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"'
"""Shell: join the control group that is named first, then become the command."""


@dataclass(frozen=True)
class Sample:
    """One run: seconds of wall time, CPU seconds of the controller and of all hosts together, bytes of all hosts."""

    seconds: float
    controller: float
    hosts: float
    sent: int
    received: int
    code: int
    output: str


class Meter:
    """Measures commands that run in the lab's network against `guests`, which have to be on."""

    def __init__(self, place: Place, guests: Sequence[GuestSpec]) -> None:
        self._place = place
        self._links = {network.links(one)[one.management.device] for one in guests}
        self._unified = _unified()
        supervisors = guest.running(place)
        self._groups = [self._group_of(supervisors[one.name].pid) for one in guests]

    def run(self, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> Sample:
        """Run a command to its end; `name` says to whom its processes belong, those that outlive it included."""
        own = self._own(name)
        own.mkdir(exist_ok=True)
        words = ["sh", "-c", JOIN, "sh", str(own), *enter(self._place.netns), *command]
        before, begun = self._counters(own), time.monotonic()
        done = subprocess.run(
            words, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - begun
        used = [new - old for new, old in zip(self._counters(own), before, strict=True)]
        return Sample(
            seconds=seconds,
            controller=used[0] / 1e6,
            hosts=used[1] / 1e6,
            sent=used[2],
            received=used[3],
            code=done.returncode,
            output=done.stdout + done.stderr,
        )

    def close(self, name: str) -> None:
        """End what a name's commands left running (kept SSH connections) and take its control group back."""
        own = self._own(name)
        if own.is_dir():
            processes.end(map(int, (own / "cgroup.procs").read_text().split()))
            own.rmdir()

    def _own(self, name: str) -> Path:
        return self._unified / f"bench-{self._place.id}-{name}"

    def _counters(self, own: Path) -> tuple[int, int, int, int]:
        """Microseconds of the controller, of all hosts; bytes sent to the hosts, received from them."""
        links = json.loads(run(["ip", "-n", self._place.netns, "-s", "-j", "link"]))
        lines = [link["stats64"] for link in links if link["ifname"] in self._links]
        return (
            cpu_microseconds((own / "cpu.stat").read_text()),
            sum(cpu_microseconds((group / "cpu.stat").read_text()) for group in self._groups),
            sum(line["tx"]["bytes"] for line in lines),
            sum(line["rx"]["bytes"] for line in lines),
        )

    def _group_of(self, supervisor: int) -> Path:
        """The control group that holds all processes of a container."""
        init = processes.container_init(supervisor)
        return self._unified / group_path(Path(f"/proc/{init}/cgroup").read_text())


@contextmanager
def metered(place: Place, guests: Sequence[GuestSpec], owners: Iterable[str]) -> Iterator[Meter]:
    """A meter for the hosts as they are now; at the end no connection that one of the owners has kept stays."""
    meter = Meter(place, guests)
    try:
        yield meter
    finally:
        for owner in sorted(set(owners)):
            meter.close(owner)


def cpu_microseconds(stat: str) -> int:
    """User and system time of a group and all groups below it, from its `cpu.stat` (cgroups(7))."""
    return int(dict(line.split() for line in stat.splitlines())["usage_usec"])


def group_path(text: str) -> str:
    """The group of a container, given what /proc/PID/cgroup says of its PID 1, which systemd keeps in `init.scope`."""
    unified = next(line for line in text.splitlines() if line.startswith("0::"))
    return unified.removeprefix("0::").removesuffix("/init.scope").lstrip("/")


def environment(folder: Path) -> dict[str, str]:
    """The variables that every tool is run with: programs of `folder` first, compiled Python kept as on any desk."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
    return {**mine, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def _unified() -> Path:
    found = cgroups.hierarchies().unified
    if not found:
        raise ProvinceError(
            "this machine has no tree of control groups of version 2, from which CPU time is read",
            hint="mount one: mount -t cgroup2 none /sys/fs/cgroup/unified",
            exit_code=ExitCode.MACHINE,
        )
    return found[0]
