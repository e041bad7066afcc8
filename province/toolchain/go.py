"""The Go compiler: where it is, and the environment in which it gives the same bytes on every machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from province.errors import ExitCode, ProvinceError

# Part of every cache key: a change here builds everything anew.
FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")
SETTINGS = {
    "CGO_ENABLED": "0",
    "GOAMD64": "v1",
    "GOARM64": "v8.0",
    "GOFLAGS": " ".join(FLAGS),
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def host_platform() -> str:
    """Return the platform of this machine in Go's words, as ``linux-amd64``."""
    machine = platform.machine()
    return f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"


@cache
def locate(version: str) -> Path:
    """Return a `go` command of exactly this version: the one beside our Python, else one on the PATH."""
    beside = Path(sys.executable).parent / "go"
    on_path = shutil.which("go")
    candidates = [beside, *([Path(on_path)] if on_path else [])]
    seen = []
    for candidate in candidates:
        found = _version_of(candidate)
        if found == f"go{version}":
            return candidate
        seen.append(f"{candidate} is {found}" if found else f"{candidate} does not run")
    raise ProvinceError(
        f"Go {version} is needed and not there: {'; '.join(seen)}",
        hint="run: make setup",
        exit_code=ExitCode.MACHINE,
    )


def environment(base: Mapping[str, str], nosumdb: Iterable[str] = ()) -> dict[str, str]:
    """Return `base` with all settings fixed that change what Go builds; proxy and cache settings stay."""
    system, machine = host_platform().split("-")
    kept = {name: value for name, value in base.items() if name not in {"GOEXPERIMENT", "GOFIPS140"}}
    unlisted = [kept["GONOSUMDB"]] if kept.get("GONOSUMDB") else []
    return {
        **kept,
        **SETTINGS,
        "GOOS": system,
        "GOARCH": machine,
        "GONOSUMDB": ",".join([*unlisted, *nosumdb]),
    }


def _version_of(command: Path) -> str | None:
    """Ask a `go` command for its version, as ``go1.26.6``; None if it does not answer."""
    try:
        answer = subprocess.run(
            [str(command), "env", "GOVERSION"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except OSError:
        return None
    return answer.stdout.strip() or None
