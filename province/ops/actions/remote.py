"""A command on a host, as root: how it ended and what it printed; the same way in that everything else takes."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.ops.node_ssh import SSH_FAILED, SshContact


class ActionTrouble(ProvinceError):
    """What was asked of a host cannot be done there, or went wrong; the message says why."""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    printed: str
    said: str

    @property
    def first(self) -> str:
        """The first line that says what went wrong."""
        lines = (self.said or self.printed).strip().splitlines()
        return lines[0] if lines else f"exit code {self.code}"


class Remote(Protocol):
    """A way to run commands on hosts."""

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        """Run a command; ConnectionError when the host is out of reach or says nothing for so many seconds."""
        ...


@dataclass(frozen=True)
class SshRemote:
    """Hosts as the environment's ssh_config knows them."""

    fleet: Fleet

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        """Run a command over a connection of its own."""
        try:
            done = subprocess.run(
                SshContact(self.fleet, host).words(shlex.join(words)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ConnectionError(f"{words[0]} gave no answer within {seconds:.0f} s") from None
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode == SSH_FAILED:
            raise ConnectionError(said.splitlines()[-1] if said else "ssh gave no reason")
        return Done(done.returncode, done.stdout.decode("utf-8", "replace"), said)


def must(remote: Remote, host: str, words: Sequence[str], seconds: float = 60.0) -> str:
    """What a command printed; ActionTrouble when it failed."""
    done = remote.run(host, words, seconds)
    if done.code:
        raise ActionTrouble(f"{shlex.join(words)}: {done.first}")
    return done.printed
