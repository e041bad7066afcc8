"""What a command that still runs is doing, read from what it has printed so far."""

from __future__ import annotations

import re

from province.ops.workplace import COLOURS

BEGUN = re.compile(r"^\s*[~+-]+\s+\S+\s+(\S+)\s+(?:creating|updating|deleting|replacing)\b", re.MULTILINE)
ENDED = re.compile(r"^\s*[~+-]+\s+\S+\s+(\S+)\s+(?:created|updated|deleted|replaced)\b", re.MULTILINE)
SHOWN = 3
WIDTH = 100


def under_way(text: str) -> str:
    """The resources that Pulumi has begun and not ended, or the last line that another command printed."""
    plain = COLOURS.sub("", text)
    ended = ENDED.findall(plain)
    running = [name for name in dict.fromkeys(BEGUN.findall(plain)) if name not in set(ended)]
    if running or ended:
        more = f" and {len(running) - SHOWN} more" if len(running) > SHOWN else ""
        return f"{len(set(ended))} done, running: {' '.join(running[:SHOWN])}{more}"
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return lines[-1][:WIDTH] if lines else "nothing printed yet"
