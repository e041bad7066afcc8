"""What the node remembers: files of root's own but for the one that says what was applied, each whole at any time."""

from __future__ import annotations

import json
from typing import Any

from .node import Node, Trouble, replace_durably, sync_folder

FOLDER = "/var/lib/province"
APPLIED = f"{FOLDER}/applied.json"
"""The last good state: digest, generation, time, controller, reason, changes, versions of packages. Not secret."""
OUTCOME = f"{FOLDER}/outcome.json"
"""What was put back, when and why, until a change succeeds again."""
LEDGER = f"{FOLDER}/ledger.json"
JOURNAL = f"{FOLDER}/journal.json"
GENERATIONS = f"{FOLDER}/generations"
ORIGINALS = f"{FOLDER}/originals"


def load(node: Node, path: str) -> dict[str, Any]:
    """What a file of the store says; empty if there is none. A file that is no JSON is Trouble, never ignored."""
    try:
        found = json.loads(node.read(path) or "{}")
    except ValueError:
        raise Trouble(
            f"{path} cannot be read; it was changed by hand: move it away, the next run then starts anew"
        ) from None
    return dict(found)


def save(node: Node, path: str, content: dict[str, Any], mode: int = 0o600) -> None:
    """Write a file of the store."""
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    replace_durably(node.path(path), text.encode(), mode)


def forget(node: Node, path: str) -> None:
    """Remove a file of the store, durably."""
    place = node.path(path)
    if place.exists():
        place.unlink()
        sync_folder(place.parent)
