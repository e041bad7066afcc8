"""What has to hold before anything is touched; all that does not is said at once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from . import accounts, packages, store
from .node import Node, Trouble
from .wanted import Wanted

MIB = 1 << 20
RESERVE = 8 * MIB
"""What must stay free on a file system that is written to, on top of twice the staged size."""
PACKAGES = 128 * MIB
"""Room for packages to be fetched and unpacked; apt itself compares exactly before it unpacks."""
CLOCK_SECONDS = 300
"""How far the host's clock may be from the controller's when signatures or certificates are made or checked."""
NAMES = 64
"""File names that must be free besides those needed."""


def check(
    node: Node,
    wanted: Wanted,
    sizes: dict[str, int],
    installs: Iterable[str],
    controller_time: float,
    certificates: bool,
) -> None:
    """Trouble if the host cannot take the change. `sizes` are bytes by the path that they will be written to."""
    brings = list(installs)
    problems = accounts.refusals(node, wanted.users, wanted.groups)
    problems += _room(node, sizes, bool(brings))
    if brings or certificates:
        problems += _clock(controller_time)
    if problems:
        raise Trouble("nothing was touched:\n" + "\n".join(problems))
    if brings:
        packages.wait_for_locks(node)


def _room(node: Node, sizes: dict[str, int], installs: bool) -> list[str]:
    """Twice the staged size beside each path, once for the saved old files, and room for packages."""
    places = [(path, 2 * size) for path, size in sizes.items()]
    places.append((store.FOLDER, 2 * sum(sizes.values())))
    if installs:
        places += [("/usr", PACKAGES), ("/var/cache/apt", PACKAGES)]
    needs: dict[int, tuple[str, int]] = {}
    for path, size in places:
        above = _existing(node, path)
        device = Path(above).stat().st_dev
        needs[device] = (needs.get(device, (above, 0))[0], needs.get(device, (above, 0))[1] + size)
    found = []
    for above, size in needs.values():
        seen = os.statvfs(above)
        if seen.f_flag & os.ST_RDONLY:
            found.append(f"{above} is mounted read-only; a disk that has failed often ends so: look at `dmesg`")
            continue
        free, needed = seen.f_bavail * seen.f_frsize, size + RESERVE
        if free < needed:
            found.append(f"{above}: {free // MIB} MiB free, {needed // MIB} MiB needed; make room")
        elif seen.f_files and seen.f_favail < NAMES + len(places):
            found.append(f"{above}: only {seen.f_favail} file names free; make room")
    return found


def _existing(node: Node, path: str) -> str:
    """The innermost folder above a path that is there."""
    place = node.path(path)
    while not place.is_dir():
        place = place.parent
    return str(place)


def _clock(controller_time: float) -> list[str]:
    off = time.time() - controller_time
    if abs(off) <= CLOCK_SECONDS:
        return []
    word = "ahead of" if off > 0 else "behind"
    return [f"the host's clock is {abs(off):.0f} s {word} the controller's; set it, signatures depend on it"]
