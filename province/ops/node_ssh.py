"""A way to a node by plain OpenSSH, every request over a connection of its own."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import dataclass

from province.fleet.fleet import Fleet
from province.ops.node_wire import COMMAND, NodeTrouble
from province.ops.workplace import Workplace

SSH_FAILED = 255
"""What ssh returns when it, not the command, failed (ssh(1), EXIT STATUS)."""
LIVELINESS = ("ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")
"""A node that a change has cut off is noticed within 15 s."""


@dataclass(frozen=True)
class SshContact:
    """One node as the environment's ssh_config knows it (see `node_wire.Contact`)."""

    fleet: Fleet
    host: str

    def words(self, command: str) -> list[str]:
        """The command line that runs a command on the node as root."""
        config = self.fleet.root / self.fleet.environment.id / "ssh_config"
        options = [word for option in ("BatchMode=yes", "ControlPath=none", *LIVELINESS) for word in ("-o", option)]
        ssh = ["ssh", "-F", str(config), *options, self.host]
        return Workplace.of(self.fleet).words([*ssh, f"sudo -n /bin/sh -c {shlex.quote(command)}"])

    def send(self, request: bytes) -> str:
        """Run the node's command with a request on its standard input."""
        done = subprocess.run(self.words(COMMAND), input=request, capture_output=True, check=False)
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode == SSH_FAILED:
            raise ConnectionError(said.splitlines()[-1] if said else "ssh gave no reason")
        if done.returncode:
            raise NodeTrouble(f"the node's code ended with {done.returncode}:\n{said}")
        return done.stdout.decode("utf-8", "replace")

    def renew(self) -> None:
        """Nothing is kept: every request has a connection of its own."""
