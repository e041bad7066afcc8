"""Packages: what is missing is installed, from the declared source and from nowhere else; what we brought can go."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .node import Done, Node, Trouble

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"
UPDATES = "/var/lib/dpkg/updates"
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock")
SOURCES = "/etc/apt/sources.list.d/"
INSTALLED = "install ok installed"
WHOLE = ("installed", "config-files", "not-installed")
KEEP_OURS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
ALONE = {"SYSTEMD_OFFLINE": "1"}
"""systemctl(1) then asks nothing of systemd. Packages would start what they bring by their own settings, which listen
to everybody until ours are there, and have systemd read everything anew once for each of them."""
UPGRADED = re.compile(r"^Inst \S+ \[", re.MULTILINE)
"""A package that is there and gets another version (apt-get(8), --simulate): what runs of it starts again as ever."""
UNITS = re.compile(r"^(?:/usr)?/lib/systemd/system/(?P<unit>[^/@]+\.(?:service|socket|timer|path))$", re.MULTILINE)
"""Units among the paths of a package; of a template nothing starts by itself."""
PATIENCE = 60.0
"""Seconds that another program may hold the package database before we give up."""


def versions(node: Node) -> dict[str, str]:
    """The installed packages and their versions."""
    return {name: version for name, status, version in _status(node) if status == INSTALLED}


def missing(node: Node, wanted: Iterable[str]) -> list[str]:
    """The wanted packages that are not installed."""
    there = versions(node)
    return [one for one in wanted if one not in there]


def interrupted(node: Node) -> bool:
    """Whether an installation was cut short: dpkg has not taken over a record, or a package is half there."""
    folder = node.path(UPDATES)
    if folder.is_dir() and any(entry.name.isdigit() for entry in folder.iterdir()):
        return True
    return any(status.split()[-1] not in WHOLE for _, status, _ in _status(node))


def conffiles(node: Node, paths: Iterable[str]) -> set[str]:
    """Those of the paths that are settings files which a package brought (deb-conffiles(5))."""
    text = node.read(STATUS)
    return {path for path in paths if f"\n {path} " in text}


def is_source(path: str) -> bool:
    """Whether a managed file has to be in place before packages can be installed."""
    return path.startswith("/etc/apt/")


def repair(node: Node) -> None:
    """Finish an installation that was cut short, with our answers to its questions and nobody else at work."""
    wait_for_locks(node)
    node.step("dpkg --configure -a")
    done = node.try_run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], **QUIET)
    if done.code:
        node.step("apt-get --fix-broken")
        done = node.try_run(["apt-get", "-q", "--fix-broken", "--yes", *KEEP_OURS, "install"], **QUIET)
    if done.code:
        raise Trouble(f"an interrupted installation cannot be finished:\n{done.tail}")


def brought_units(node: Node, names: Iterable[str]) -> list[str]:
    """The units that packages have brought, sorted; a list of paths may have the architecture in its name."""
    info = node.path(INFO)
    lists = [one for name in names for one in (info / f"{name}.list", *info.glob(f"{name}:*.list")) if one.exists()]
    return sorted({unit for one in lists for unit in UNITS.findall(one.read_text(encoding="utf-8"))})


def install(node: Node, names: Sequence[str], managed: Iterable[str]) -> bool:
    """Install packages; `managed` are the manifest's files, of which one is the declared source.

    True if systemd was left alone: nothing that came with the packages runs yet, nor is known to systemd.
    """
    declared = [path for path in managed if path.startswith(SOURCES)]
    only = [
        option
        for source in declared[:1]
        for option in ("-o", f"Dir::Etc::SourceList={source}", "-o", "Dir::Etc::SourceParts=/dev/null")
    ]
    where = f"the source that {declared[0]} declares" if declared else "the host's package sources"
    wait_for_locks(node)
    node.step("apt-get update")
    update = node.try_run(["apt-get", "-q", *only, "-o", "APT::Update::Error-Mode=any", "update"], **QUIET)
    if update.code:
        raise Trouble(f"{where} does not answer, or not with a signature we trust:\n{update.tail}")
    node.step(f"install {' '.join(names)}")
    options = ["--no-install-recommends", "--yes", *KEEP_OURS]
    plan = node.try_run(["apt-get", "-q", *only, "--simulate", "install", *options, *names], **QUIET)
    alone = not plan.code and UPGRADED.search(plan.output) is None
    done = node.try_run(["apt-get", "-q", *only, "install", *options, *names], **QUIET, **(ALONE if alone else {}))
    if done.code:
        raise Trouble(f"{' '.join(names)} could not be installed from {where}:\n{done.tail}")
    return alone


def removable(node: Node, name: str, ours: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The packages that removing this one would remove; empty if one of them is wanted or was not brought by us."""
    for more in (["--auto-remove"], []):
        done = node.try_run(["apt-get", "-q", "--simulate", *more, "remove", name], **QUIET)
        if done.code:
            raise Trouble(f"apt-get cannot say what removing {name} would take along:\n{done.tail}")
        gone = [line.split()[1] for line in done.output.splitlines() if line.startswith("Remv ")]
        if gone and set(gone) <= set(ours) - set(wanted):
            return gone
    return []


def remove(node: Node, names: Sequence[str]) -> None:
    """Remove packages; their data and settings stay (`remove`, not `purge`)."""
    wait_for_locks(node)
    node.step(f"remove {' '.join(names)}")
    done = node.try_run(["apt-get", "-q", "--yes", *KEEP_OURS, "remove", *names], **QUIET)
    if done.code:
        raise Trouble(f"{' '.join(names)} could not be removed:\n{done.tail}")


def wait_for_locks(node: Node) -> None:
    """Wait until nobody else works on packages; Trouble names who does."""
    deadline = time.monotonic() + PATIENCE
    while (holder := _holder(node)) is not None:
        if time.monotonic() > deadline:
            raise Trouble(f"{holder} works on packages for more than {PATIENCE:.0f} s; wait until it has ended")
        time.sleep(0.5)


def _holder(node: Node) -> str | None:
    for name in LOCKS:
        place = node.path(name)
        if place.exists() and (pid := _locked_by(place)):
            command = Done(0, node.read(f"/proc/{pid}/cmdline").replace("\0", " ")).head
            return f"process {pid} ({command.strip() or 'unknown'}), which holds {name},"
    return None


def _locked_by(place: Path) -> int:
    """The process that holds a POSIX lock on a file, 0 if none does (fcntl(2), F_GETLK)."""
    form = "hhqqi4x"
    with place.open("rb+") as file:
        asked = struct.pack(form, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _status(node: Node) -> list[tuple[str, str, str]]:
    """Name, state and version of every package that dpkg knows; read once as long as the file is the same."""
    place = node.path(STATUS)
    if not place.exists():
        return []
    seen = place.stat()
    version = (str(place), seen.st_mtime_ns, seen.st_ino)
    if version not in _read:
        _read.clear()
        _read[version] = list(_parse(node.read(STATUS)))
    return _read[version]


_read: dict[tuple[str, int, int], list[tuple[str, str, str]]] = {}


def _parse(text: str) -> Iterator[tuple[str, str, str]]:
    for block in text.split("\n\n"):
        name, status = _field(block, "Package"), _field(block, "Status")
        if name and status:
            yield name, status, _field(block, "Version")


def _field(block: str, name: str) -> str:
    """A field of one line; found by searching, because most of the lines of a block are of no interest."""
    start = f"\n{block}".find(f"\n{name}: ")
    return "" if start < 0 else block[start + len(name) + 2 :].partition("\n")[0]
