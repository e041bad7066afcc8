"""Who answers at all: one short question to every host, many at a time, before any check runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from province.verify.transport import ANSWER_SECONDS, last_words, ssh_words

AT_A_TIME = 16
"""Connections that are opened side by side; more only wait for each other on a small machine."""

APPLIED = "/var/lib/province/applied.json"
"""Where a host keeps what was last applied to it."""

QUESTION = f"cat /proc/sys/kernel/random/boot_id; sudo -n cat {APPLIED} 2>/dev/null || true"


@dataclass(frozen=True)
class Answer:
    """What a host said: its kernel's boot id and the digest of its applied manifest, or why it said nothing.

    banner: what it says before it lets anybody in; empty when that was not listened to.
    """

    boot: str | None = None
    manifest: str | None = None
    silence: str = ""
    banner: str = field(default="", compare=False)

    @property
    def reachable(self) -> bool:
        """Whether the host answered."""
        return not self.silence


def ask_all(names: Iterable[str], ssh_config: Path, seconds: float = ANSWER_SECONDS) -> dict[str, Answer]:
    """The answer of every host, by name."""
    wanted = list(names)
    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        return dict(zip(wanted, pool.map(lambda name: ask(name, ssh_config, seconds), wanted), strict=True))


def ask(name: str, ssh_config: Path, seconds: float) -> Answer:
    """One host's answer."""
    try:
        done = subprocess.run(
            [*ssh_words(ssh_config, name), QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(silence=f"no answer within {seconds:g} s")
    return answer_of(done)


def answer_of(done: subprocess.CompletedProcess[bytes]) -> Answer:
    """What the end of the question says; anything but a boot id counts as silence, with the reason."""
    boot, _, applied = done.stdout.decode(errors="replace").partition("\n")
    if done.returncode != 0 or not boot:
        return Answer(silence=last_words(done.stderr))
    return Answer(boot=boot, manifest=digest(applied))


def moved(before: Answer, now: Answer) -> str:
    """Why what a host told `before` is not about the host as it is now; empty while it is, or does not answer."""
    if not now.reachable or now == before:
        return ""
    return f"{'the host was started again' if now.boot != before.boot else 'something was applied'} since it was asked"


def digest(applied: str) -> str | None:
    """The digest in a host's own record of what was applied; None when it has none."""
    try:
        found = json.loads(applied)["digest"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(found)
