"""The checkout from which hosts are verified: where it is, and which commit it has."""

from __future__ import annotations

import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
NOTE = ".commit"
"""The file that says it where git does not: in a checkout that came as an archive (`province.shards.carried`)."""


def commit(checkout: Path) -> str:
    """The commit that is checked out, with `+changes` when files differ from it; `unknown` outside git."""
    if (note := checkout / NOTE).is_file():
        return note.read_text(encoding="utf-8").strip()
    try:
        head = _git(checkout, "rev-parse", "HEAD")
        return f"{head}+changes" if _git(checkout, "status", "--porcelain") else head
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(checkout: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
