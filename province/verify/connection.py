"""The ways to a host that a run may take: ours in one round trip, or any of testinfra's own with the same tests."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from testinfra import get_host
from testinfra.host import Host as Connection

from province.errors import ExitCode, ProvinceError
from province.fleet.hosts import Host
from province.verify import batch, transport
from province.verify.batch import Answers
from province.verify.reach import QUESTION, Answer, answer_of

TRANSPORTS = (batch.SCHEME, transport.SCHEME, "ssh", "local")
"""Ours: everything in one round trip; ours, command by command; testinfra's ssh, and this machine itself."""


@dataclass
class Way:
    """How this run's hosts are reached. `answers` is what they told, once they were asked in one round trip."""

    transport: str
    ssh_config: Path
    answers: Answers | None = None

    @property
    def gathers(self) -> bool:
        """Whether hosts are asked everything in one round trip."""
        return self.transport == batch.SCHEME

    @property
    def is_here(self) -> bool:
        """Whether the host is the machine that this runs on."""
        return self.transport == "local"

    def refuse_many(self, hosts: Sequence[Host]) -> None:
        """ProvinceError when this one machine is to stand for several hosts."""
        if self.is_here and len(hosts) != 1:
            raise ProvinceError(
                f"this machine is one host, and {len(hosts)} were selected",
                hint="name it: --transport local --select NAME",
                exit_code=ExitCode.USAGE,
            )

    def connect(self, name: str, *, live: bool = False) -> Connection:
        """The testinfra host for one of ours; facts are read as root. `live`: past what was gathered."""
        if self.gathers and not live:
            return get_host(
                f"{batch.SCHEME}://{name}", ssh_config=str(self.ssh_config), sudo=True, answers=self.answers
            )
        if self.gathers or self.transport == transport.SCHEME:
            return transport.connect(name, self.ssh_config)
        if self.transport == "ssh":
            return get_host(f"ssh://{name}", ssh_config=str(self.ssh_config), sudo=True)
        return get_host("local://", sudo=True)


def ask_here() -> Answer:
    """Who this machine is."""
    done = subprocess.run(["/bin/sh", "-c", QUESTION], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return answer_of(done)
