"""Programs that still run what an update has replaced: their maps name such files `(deleted)` (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .node import Node

GONE = re.compile(r"^\S+ ..x. \S+ \S+ [1-9][0-9]* +(?P<path>/(?:usr|lib|bin|sbin|opt)\S*) \(deleted\)$", re.MULTILINE)
"""A file that is run, with a number on a disk, below folders that packages fill; a process's own memory has none."""
UNIT = re.compile(r"/(?P<unit>[^/]+\.(?:service|socket))(?:/|$)", re.MULTILINE)


def units(node: Node) -> list[str]:
    """The services with a process that runs a replaced file, sorted."""
    return sorted({unit for pid in _processes(node) if (unit := _unit(node, pid)) and GONE.search(_maps(node, pid))})


def failed(node: Node) -> list[str]:
    """The units that have failed."""
    words = ("--state=failed", "--plain", "--no-legend", "--no-pager")
    return [line.split()[0] for line in node.run(["systemctl", "list-units", *words]).splitlines() if line.strip()]


def _processes(node: Node) -> Iterator[str]:
    return (one.name for one in node.path("/proc").iterdir() if one.name.isdigit())


def _maps(node: Node, pid: str) -> str:
    """What a process has mapped; empty for one that has ended meanwhile, and for the kernel's own."""
    try:
        return node.read(f"/proc/{pid}/maps")
    except ProcessLookupError:
        return ""


def _unit(node: Node, pid: str) -> str:
    """The innermost service that a process belongs to; empty for one that no service has started."""
    try:
        found = UNIT.findall(node.read(f"/proc/{pid}/cgroup"))
    except ProcessLookupError:
        return ""
    return str(found[-1]) if found else ""
