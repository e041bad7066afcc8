"""How a check reaches its host: OpenSSH with one shared connection, a limit on time, and a word for silence.

testinfra's own ssh backend names no ControlPath and drops `--ssh-extra-args` (release 10.2.2), so each command
would open a connection of its own; it has no limit on time either, and an unreachable host is a RuntimeError like
any other. All modules of testinfra reach a host through `run` alone, so this class is the whole difference. `batch`
asks everything in one round trip and comes here for what it was not told.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

from testinfra import get_host
from testinfra.backend import BACKENDS
from testinfra.backend.base import BaseBackend
from testinfra.host import Host

SCHEME = "openssh"
SSH_FAILED = 255
"""What ssh returns when it, not the command, failed (ssh(1), EXIT STATUS)."""

ANSWER_SECONDS = 20.0
"""A host that does not answer for so long counts as unreachable."""

COMMAND_SECONDS = 60.0
"""No single probe may hold up a run longer than this."""

FRESH = ("-o", "ControlPath=none", "-o", "LogLevel=INFO")
"""For a connection of its own, on which what the host says before it lets anybody in is heard."""

KILLED = 128 + 9
"""What timeout(1) returns for a command that it had to kill."""


class Unreachable(Exception):
    """Nobody answered at a host's address; what is true there is not known."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(why)
        self.host = host


class Hung(Exception):
    """The host answers, but a command did not end within its time: what it would have told is not known."""

    def __init__(self, command: str, seconds: float) -> None:
        super().__init__(f"no end within {seconds:g} s: {command[:80]}")


class OpenSsh(BaseBackend):  # type: ignore[misc]  # testinfra has no types
    """Runs a command through the ssh client and the environment's ssh_config."""

    NAME = SCHEME

    def __init__(self, hostspec: str, ssh_config: str, seconds: float = COMMAND_SECONDS, **kwargs: Any) -> None:
        super().__init__(hostspec, **kwargs)
        self._seconds = seconds
        self._words = ssh_words(Path(ssh_config), hostspec)

    def decode(self, data: bytes) -> str:
        """UTF-8, which asking the host for would cost a command; bytes that are none stay visible."""
        return data.decode("utf-8", errors="backslashreplace")

    def run(self, command: str, *args: str, **_: Any) -> Any:
        """The command's result; Unreachable when the connection failed, Hung when the command did not end."""
        asked = self.get_command(command, *args)
        begun = time.monotonic()
        done = self._exchange(asked, self._seconds + ANSWER_SECONDS)
        if done is None or (done.returncode == KILLED and time.monotonic() - begun >= self._seconds):
            if done is None and self._exchange("true", ANSWER_SECONDS) is None:
                raise Unreachable(self.hostname, f"no answer within {ANSWER_SECONDS:g} s")
            raise Hung(self.quote(command, *args), self._seconds)
        if done.returncode == SSH_FAILED:
            again = self._exchange("true", ANSWER_SECONDS)
            if again is None or again.returncode == SSH_FAILED:
                raise Unreachable(self.hostname, last_words(done.stderr))
        return self.result(done.returncode, asked.encode(), done.stdout, done.stderr)

    def get_sudo_command(self, command: str, sudo_user: str | None) -> str:
        """As root, in one locale, killed on the host when it takes too long; never with a question for a password."""
        user = f"-u {shlex.quote(sudo_user)} " if sudo_user else ""
        limit = f"env LC_ALL=C.UTF-8 timeout --signal=KILL {self._seconds:g}"
        return f"sudo -n {user}{limit} /bin/sh -c {shlex.quote(command)}"

    def _exchange(self, command: str, seconds: float) -> subprocess.CompletedProcess[bytes] | None:
        """One command over the connection; None when nothing came within the time."""
        try:
            return subprocess.run(
                [*self._words, command], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return None


BACKENDS[SCHEME] = f"{__name__}.{OpenSsh.__name__}"


def connect(name: str, ssh_config: Path) -> Host:
    """The testinfra host for one of ours; facts are read as root. Nothing is sent yet."""
    return get_host(f"{SCHEME}://{name}", ssh_config=str(ssh_config), sudo=True)


def offered_banner(name: str, ssh_config: Path) -> str:
    """What the host says to whoever connects, before anybody is let in (RFC 4252, 5.4), on a connection of its own."""
    done = subprocess.run(
        [*ssh_words(ssh_config, name, *FRESH), "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    if done.returncode == SSH_FAILED:
        raise Unreachable(name, last_words(done.stderr))
    return done.stderr.decode()


def ssh_words(ssh_config: Path, name: str, *options: str) -> list[str]:
    """The ssh client's command line up to the command: keys and addresses are the configuration's business."""
    return ["ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", *options, name]


def last_words(stderr: bytes) -> str:
    """The last line that ssh said, which is the one with the reason."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "ssh gave no reason"
