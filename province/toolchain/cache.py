"""The cache of things that are expensive to make: programs, images, base systems.

An entry is a folder, named by the hash of everything that went into it, and never changes once it is there.
It is made in a folder beside its place and renamed when complete, so that a build that was killed leaves no
half entry. One lock per entry keeps two checkouts of one machine from making the same thing twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from province.errors import ExitCode, ProvinceError

_TEMPORARY = ".building"
_LOCK = ".lock"


def directory() -> Path:
    """Where the cache lies: ``$PROVINCE_CACHE``, else ``province`` in the user's cache folder (XDG)."""
    if chosen := os.environ.get("PROVINCE_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "province"


def key_of(*parts: str | bytes) -> str:
    """Return the key of an entry made from `parts`: 32 hexadecimal digits, another one for any other parts.

    The length of each part counts too, so ("ab", "c") and ("a", "bc") have different keys.
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:32]


def find(kind: str, key: str) -> Path | None:
    """Return the entry's folder, or None while it is not complete. Never waits."""
    place = directory() / kind / key
    return place if place.is_dir() else None


def entry(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of an entry; make it first if it is not there.

    `build` fills the empty folder that it is given; what it raises is passed on and leaves no entry. Whoever
    finds another process at work on the same entry says so on stderr and waits.
    """
    if place := find(kind, key):
        return place
    home = directory() / kind
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProvinceError(
            f"the cache folder {home} cannot be made: {error.strerror}",
            hint="set PROVINCE_CACHE to a folder that you may write to",
            exit_code=ExitCode.MACHINE,
        ) from error
    with _locked(home, key):
        if place := find(kind, key):
            return place
        _remove_leftovers(home, key)
        # A name of its own: a compiler that outlives its killed starter must not write into the next attempt.
        temporary = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_TEMPORARY, dir=home))
        temporary.chmod(0o755)
        try:
            build(temporary)
        except BaseException:
            _remove(temporary)
            raise
        return temporary.rename(home / key)


@contextmanager
def _locked(home: Path, key: str) -> Iterator[None]:
    """Hold the lock of one entry; while another process holds it, say who and wait."""
    with (home / f"{key}{_LOCK}").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say_who_holds(lock, home.name, key)
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        lock.truncate()
        json.dump({"pid": os.getpid(), "since": time.strftime("%H:%M:%S"), "in": str(Path.cwd())}, lock)
        lock.flush()
        yield


def _say_who_holds(lock: IO[str], kind: str, key: str) -> None:
    lock.seek(0)
    try:
        holder = json.load(lock)
        who = f"process {holder['pid']} in {holder['in']}, since {holder['since']}"
    except (ValueError, KeyError):
        who = "another process that has only just begun"
    print(f"cache: {kind}/{key} is being made by {who}; waiting for it", file=sys.stderr, flush=True)


def _remove_leftovers(home: Path, mine: str) -> None:
    """Remove what killed builds left behind: unfinished folders whose lock nobody holds.

    The lock is the truth here, not a process number: numbers are used again, and differ between containers.
    """
    for leftover in home.glob(f"*{_TEMPORARY}"):
        key = leftover.name.removesuffix(_TEMPORARY).rpartition(".")[0]
        if key == mine:
            _remove(leftover)
            continue
        with (home / f"{key}{_LOCK}").open("a", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove(leftover)


def _remove(folder: Path) -> None:
    """Remove an unfinished folder; first what a killed build of a base system left mounted in it.

    Without that the removal would go on into a mounted /dev or /proc of the machine.
    """
    for mounted in _mounts_below(folder):
        done = subprocess.run(["umount", str(mounted)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProvinceError(
                f"{mounted} is still mounted in an unfinished cache entry: {done.stderr.strip()}",
                hint=f"unmount it as root (umount {mounted}), then start again",
                exit_code=ExitCode.MACHINE,
            )
    shutil.rmtree(folder)


def _mounts_below(folder: Path) -> list[Path]:
    """List the mount points in `folder`, the deepest first (proc_pid_mountinfo(5), field 5)."""
    table = Path("/proc/self/mountinfo")
    if not table.exists():
        return []
    points = (Path(line.split()[4].replace("\\040", " ")) for line in table.read_text().splitlines())
    inside = [point for point in points if point.is_relative_to(folder.resolve())]
    return sorted(inside, key=lambda point: len(point.parts), reverse=True)
