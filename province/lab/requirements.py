"""What a machine must offer before a lab is started on it, and what the lab adds to it and takes back."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import kernel, mounts
from province.lab.commands import run
from province.lab.sources import KEYRING
from province.lab.spec import LabSpec
from province.lab.state import RUNTIME, Place, locked
from province.toolchain import cache

PROGRAMS = {
    "apt-ftparchive": "apt-utils",
    "bird": "bird2",
    "debootstrap": "debootstrap",
    "dpkg-deb": "dpkg",
    "gpg": "gpg",
    "gpg-agent": "gpg-agent",
    "gpgconf": "gpgconf",
    "ip": "iproute2",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "sysctl": "procps",
    "systemd-nspawn": "systemd-container",
    "wget": "wget",
}
"""Programs the lab runs, each with the Debian package that brings it."""

FILES = {KEYRING: "debian-archive-keyring", Path("/usr/lib/python3/dist-packages/apt"): "python3-apt"}
"""What the lab reads beside programs, with the packages that bring it."""

FLOORS = {
    "fs/inotify/max_user_instances": 8192,
    "fs/inotify/max_user_watches": 524288,
    "kernel/pid_max": 262144,
    "net/ipv4/neigh/default/gc_thresh1": 4096,
    "net/ipv4/neigh/default/gc_thresh2": 8192,
    "net/ipv4/neigh/default/gc_thresh3": 16384,
    "net/ipv6/neigh/default/gc_thresh1": 4096,
    "net/ipv6/neigh/default/gc_thresh2": 8192,
    "net/ipv6/neigh/default/gc_thresh3": 16384,
}
"""Kernel settings of the whole machine and the least value with which 204 guests start."""

SYSTEM_MIB = 1024
DISK_MIB = {"host": 20, "kubernetes": 3000}
CACHE_MIB = 4000
SYS = Path("/proc/sys")
OVERLAY_SPECIAL = ":,\\"


def check_rights() -> None:
    """Raise ProvinceError unless this is Linux and root."""
    if sys.platform != "linux":
        raise _machine_error([f"this is {sys.platform}; the lab needs Linux"], "use a Debian 12 or 13 machine")
    if os.geteuid() != 0:
        raise _machine_error(["not root; the lab starts containers and makes networks"], "run it with sudo")


def check(place: Place, spec: LabSpec, running: set[str]) -> None:
    """Raise ProvinceError with everything that this machine lacks; running: guests that are up already."""
    found = [*_path_problems(place), *_memory_problems(spec, running), *_disk_problems(place, spec, running)]
    if found:
        raise _machine_error(found, "ask for fewer communes, or use a larger machine")


def install_programs() -> list[str]:
    """Install the Debian packages whose programs are missing; return their names."""
    lacking = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    lacking |= {package for file, package in FILES.items() if not file.exists()}
    missing = sorted(lacking)
    if not missing:
        return []
    if shutil.which("apt-get") is None:
        raise _machine_error([f"missing: {', '.join(missing)}"], "install them; the lab does so itself on Debian only")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], env=quiet)
    run(["apt-get", "-q", "install", "-y", "--no-install-recommends", *missing], env=quiet)
    return missing


def raise_limits(place: Place, sys_folder: Path = SYS, runtime: Path = RUNTIME) -> list[str]:
    """Raise the kernel settings that are too low and note the old values; return what was raised."""
    with _settings(runtime) as (before, users):
        users.add(place.id)
        raised = []
        for name, floor in FLOORS.items():
            file = sys_folder / name
            if file.exists() and int(file.read_text()) < floor:
                before.setdefault(name, file.read_text().strip())
                file.write_text(f"{floor}\n")
                raised.append(name)
        return raised


def restore_limits(place: Place, sys_folder: Path = SYS, runtime: Path = RUNTIME) -> list[str]:
    """Put the old values back once no lab of this machine needs the raised ones; return what was put back."""
    with _settings(runtime) as (before, users):
        users.discard(place.id)
        if users:
            return []
        restored = list(before)
        for name, value in before.items():
            (sys_folder / name).write_text(f"{value}\n")
        before.clear()
        return restored


@contextmanager
def _settings(runtime: Path) -> Iterator[tuple[dict[str, str], set[str]]]:
    """Hold the note of old values and of the labs that rely on the new ones; both may be changed.

    The note is shared by all labs of the machine and lies where a restart of the machine clears it, as it
    clears the settings. It is written back whatever happens, so that no old value is ever lost.
    """
    runtime.mkdir(parents=True, exist_ok=True)
    path = runtime / "settings.json"
    with locked(runtime):
        note = json.loads(path.read_text()) if path.exists() else {"before": {}, "users": []}
        before, users = dict(note["before"]), set(note["users"])
        try:
            yield before, users
        finally:
            temporary = path.with_suffix(".new")
            temporary.write_text(json.dumps({"before": before, "users": sorted(users)}))
            temporary.replace(path)
            if not before and not users:
                path.unlink()


def _path_problems(place: Place) -> Iterator[str]:
    """Say why the checkout's place cannot hold overlays."""
    if any(character in str(place.root) for character in OVERLAY_SPECIAL):
        yield f"{place.root}: a path with `:`, `,` or `\\` cannot be an overlay's layer"
    place.root.mkdir(parents=True, exist_ok=True)
    kind = mounts.file_system(place.root)
    if kind in ("overlay", "nfs", "nfs4", "9p", "virtiofs"):
        yield f"{place.root}: lies on {kind}, which cannot hold the guests' disks; use a local file system"


def _memory_problems(spec: LabSpec, running: set[str]) -> Iterator[str]:
    """Compare what the guests still to be started need with what is available (proc_meminfo(5))."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) // 1024
    missing = [guest for guest in spec.guests if guest.name not in running]
    needed = sum(guest.memory for guest in missing) + SYSTEM_MIB
    if missing and available < needed:
        yield f"memory: {len(missing)} guests need {needed} MiB, {available} MiB are available"


def _disk_problems(place: Place, spec: LabSpec, running: set[str]) -> Iterator[str]:
    """Compare the guests' disks and the cache with the free space where they lie."""
    needed = sum(DISK_MIB[guest.image] for guest in spec.guests if guest.name not in running)
    cache.directory().mkdir(parents=True, exist_ok=True)
    for folder, mib in ((place.root, needed), (cache.directory(), CACHE_MIB)):
        free = shutil.disk_usage(folder).free // 2**20
        if free < mib:
            yield f"disk: {folder} needs {mib} MiB, {free} MiB are free"


def check_kernel() -> None:
    """Raise ProvinceError when no host could start, because the kernel takes no more seccomp filters."""
    if not kernel.takes_filters():
        raise _machine_error(
            ["its kernel takes no seccomp filters (any more), which every sandboxed service needs"],
            "if they worked before, the kernel is stuck: start the machine again",
        )


def _machine_error(found: list[str], hint: str) -> ProvinceError:
    """Build the error that lists what the machine lacks."""
    return ProvinceError(
        "this machine cannot hold the lab:\n  " + "\n  ".join(found), hint=hint, exit_code=ExitCode.MACHINE
    )
