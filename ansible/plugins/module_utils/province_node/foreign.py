"""Files that nobody declared in folders where every file takes effect: neither ours nor a package's."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from . import packages
from .boot import UNITS
from .node import STAGED, Node

EFFECTIVE = (
    "/etc/apt/apt.conf.d/*",
    "/etc/apt/preferences.d/*",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/*",
    "/etc/apt/trusted.gpg.d/*",
    "/etc/cron.*/*",
    "/etc/modprobe.d/*",
    "/etc/modules-load.d/*",
    "/etc/nftables.d/*",
    "/etc/polkit-1/rules.d/*",
    "/etc/profile.d/*",
    "/etc/ssh/sshd_config.d/*",
    "/etc/sudoers.d/*",
    "/etc/sysctl.d/*",
    "/etc/systemd/network/*",
    "/etc/systemd/system/*",
    "/etc/systemd/system/*.d/*",
    "/etc/tmpfiles.d/*",
    "/etc/udev/rules.d/*",
    "/root/.ssh/authorized_keys",
    "/home/*/.ssh/authorized_keys",
    "/var/spool/cron/crontabs/*",
)
"""Patterns of paths. Links are left out: in these folders they say which units are enabled."""
LISTS = "var/lib/dpkg/info/*.list"


def look(node: Node, ours: Iterable[str]) -> list[str]:
    """The paths of such files, sorted; `ours` are those that we declared."""
    known = {*ours, *UNITS}
    top = node.root.rstrip("/")
    found = {place[len(top) :] for pattern in EFFECTIVE for place in _files(top, pattern.split("/")[1:])}
    strange = {path for path in found if not path.endswith((STAGED, ".placeholder"))} - known
    strange -= packages.conffiles(node, strange)
    return sorted(strange - _of_packages(Path(node.root), strange)) if strange else []


def _files(folder: str, names: list[str]) -> Iterator[str]:
    """The files, not links, that a pattern finds below a folder; one look at each folder, because it is every run's."""
    name, deeper = names[0], names[1:]
    if "*" not in name:
        place = Path(folder, name)
        if deeper:
            yield from _files(str(place), deeper)
        elif place.is_file() and not place.is_symlink():
            yield str(place)
        return
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not fnmatch(entry.name, name):
            continue
        if deeper:
            yield from _files(entry.path, deeper)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path


def _of_packages(root: Path, paths: set[str]) -> set[str]:
    """Those of the paths that belong to a package, by the lists of all that packages have unpacked."""
    left = {path.encode() for path in paths}
    owned: set[str] = set()
    for place in root.glob(LISTS):
        if not left:
            break
        there = left.intersection(place.read_bytes().splitlines())
        owned |= {path.decode() for path in there}
        left -= there
    return owned
