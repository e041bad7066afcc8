"""When a controller was last here: what it saw and left is newer than any bundle that was made before."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from . import guard, store
from .node import Node

FILE = f"{store.FOLDER}/contact"
"""An empty file; its time says it. A no-change run must not wait for a disk, so it is not synced: a power cut costs it
seconds, and the node then waits a little less."""


def note(node: Node) -> None:
    """A request has come over SSH, so a controller is there; what the node asks of itself comes by no connection."""
    if guard.connection() and node.path(store.FOLDER).is_dir():
        place = node.path(FILE)
        # A disk that takes nothing any more takes no bundle either; what is asked is answered nevertheless.
        with suppress(OSError):
            place.touch(mode=0o644)
            os.utime(place)


def last(node: Node) -> float:
    """When that was, in seconds since 1970: at the latest when the last state was applied, if nothing else is known.

    A time that has not come yet was written by a clock that was wrong; it counts as now, from now on.
    """
    now = time.time()
    for name in (FILE, store.APPLIED):
        place = node.path(name)
        if place.exists():
            seen = place.stat().st_mtime
            if seen > now:
                os.utime(place)
            return min(seen, now)
    return 0.0
