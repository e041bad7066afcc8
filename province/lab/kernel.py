"""What the lab must not ask of the machine's kernel all at once, and how to see that it answers no more.

Every sandboxed service holds dozens of seccomp filters. When their processes end, the kernel frees each in a work
item of its own, and such items wait for each other; seen on Linux 6.18: with 210 hosts killed at once, 1,024 of them
filled one processor's queue, the item that all waited for could not start, and no filter could be made or freed
until the machine was started again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from province.errors import ExitCode, ProvinceError

PROC = Path("/proc")
GUESTS_AT_ONCE = 4
CALM_WORKERS = 32
SETTLE_SECONDS = 60.0
PROBE_SECONDS = 10.0
PAUSE = 0.05

INSTALL_A_FILTER = """
import ctypes, struct
libc = ctypes.CDLL(None)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000), 8)
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(1, ctypes.addressof(allow))
libc.prctl(38, 1, 0, 0, 0)
raise SystemExit(libc.prctl(22, 2, ctypes.byref(program), 0, 0))
"""
"""PR_SET_NO_NEW_PRIVS, then PR_SET_SECCOMP with a filter that allows everything (prctl(2))."""


def settle(proc: Path = PROC, seconds: float = SETTLE_SECONDS) -> None:
    """Wait until few kernel workers are blocked.

    Raises ProvinceError when they still are after `seconds`: to go on would only add to what they wait for.
    """
    deadline = time.monotonic() + seconds
    while (blocked := blocked_workers(proc)) > CALM_WORKERS:
        if time.monotonic() > deadline:
            raise ProvinceError(
                f"{blocked} workers of the kernel have been blocked for {seconds:.0f} s",
                hint="it frees what ended hosts held; if `province lab probe` says no, start the machine again",
                exit_code=ExitCode.MACHINE,
            )
        time.sleep(PAUSE)


def blocked_workers(proc: Path = PROC) -> int:
    """How many kernel workers wait for something that no signal ends (proc_pid_stat(5), state D)."""
    return sum(_is_blocked_worker(folder / "stat") for folder in proc.iterdir() if folder.name.isdigit())


def takes_filters(command: tuple[str, ...] = (sys.executable, "-c", INSTALL_A_FILTER)) -> bool:
    """Whether a process can still install a seccomp filter; without that no host of the lab starts.

    A process that hangs in the kernel cannot be ended, so it is left behind and not waited for.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PROBE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
    if process.returncode is None:
        process.kill()
    return process.returncode == 0


def _is_blocked_worker(stat: Path) -> bool:
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    name, _, rest = text.partition("(")[2].rpartition(")")
    return name.startswith("kworker") and rest.split()[0] == "D"
