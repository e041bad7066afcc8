"""Files that nobody declared in folders where every file takes effect: neither ours nor a package's."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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
    root = Path(node.root)
    found = {
        f"/{place.relative_to(root)}"
        for pattern in EFFECTIVE
        for place in root.glob(pattern.lstrip("/"))
        if place.is_file() and not place.is_symlink() and not place.name.endswith((STAGED, ".placeholder"))
    }
    strange = found - known
    return sorted(strange - _of_packages(root, strange)) if strange else []


def _of_packages(root: Path, paths: set[str]) -> set[str]:
    """Those of the paths that belong to a package."""
    left = {path.encode() for path in paths}
    owned: set[str] = set()
    for place in root.glob(LISTS):
        if not left:
            break
        there = left.intersection(place.read_bytes().splitlines())
        owned |= {path.decode() for path in there}
        left -= there
    return owned
