"""Run other programs: one place that turns their failures into errors a person can read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from province.errors import ExitCode, ProvinceError

SHOWN_LINES = 12
NETNS_DIR = Path("/run/netns")


def run(
    argv: Sequence[object],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    netns: str | None = None,
) -> str:
    """Run a program to its end and return its standard output.

    argv: the words; numbers and paths may be given as they are. env is added to this process's environment.
    netns names the network namespace to run in. Raises ProvinceError with the last lines the program printed
    when it fails or is not installed.
    """
    command = [*(enter(netns) if netns else ()), *map(str, argv)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        done = subprocess.run(
            command,
            input=stdin,
            env=environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise ProvinceError(
            f"{command[0]}: program not found",
            hint="run as root so that the lab can install what it needs",
            exit_code=ExitCode.MACHINE,
        ) from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-SHOWN_LINES:]
        raise ProvinceError(f"`{' '.join(command)}` failed with exit code {done.returncode}", hint="\n  ".join(said))
    return done.stdout


def enter(netns: str) -> list[str]:
    """Return the words before a command that make it run in a network namespace.

    nsenter changes the network alone; `ip netns exec` would also mount a new /sys without the control groups.
    """
    return ["nsenter", f"--net={NETNS_DIR / netns}"]
