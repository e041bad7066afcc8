"""Who answers at all: one short question to every host, many at a time, before any check runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from province.verify.transport import last_words, ssh_words

AT_A_TIME = 16
"""Connections that are opened side by side; more only wait for each other on a small machine."""

ANSWER_SECONDS = 20.0
"""A host that does not answer for so long counts as unreachable."""

APPLIED = "/var/lib/province/applied.json"
"""Where a host keeps what was last applied to it."""

QUESTION = f"cat /proc/sys/kernel/random/boot_id; sudo -n cat {APPLIED} 2>/dev/null || true"


@dataclass(frozen=True)
class Answer:
    """What a host said: its kernel's boot id and the digest of its applied manifest, or why it said nothing."""

    boot: str | None = None
    manifest: str | None = None
    silence: str = ""

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
    """One host's answer; anything but a boot id counts as silence, with the reason."""
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
    boot, _, applied = done.stdout.decode(errors="replace").partition("\n")
    if done.returncode != 0 or not boot:
        return Answer(silence=last_words(done.stderr))
    return Answer(boot=boot, manifest=_digest(applied))


def _digest(applied: str) -> str | None:
    try:
        digest = json.loads(applied)["digest"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(digest)
