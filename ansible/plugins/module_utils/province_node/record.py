"""What the node remembers: which manifest it has got to, and which changes have not reached their units yet."""

from __future__ import annotations

import json
from typing import Any

from .node import Node, sync_folder, write_durably

FOLDER = "/var/lib/province"
APPLIED = f"{FOLDER}/applied.json"
PENDING = f"{FOLDER}/pending.json"


def applied_digest(node: Node) -> str:
    """The digest of the manifest that was last applied to the end; empty if none was."""
    return str(_read(node, APPLIED).get("digest", ""))


def pending(node: Node) -> list[str]:
    """Paths that were switched in a run that did not get to restart their units."""
    return list(_read(node, PENDING).get("paths", []))


def note_pending(node: Node, paths: list[str]) -> None:
    """Write down, before they are switched, what must reach its units even if this run is cut short."""
    _write(node, PENDING, {"paths": sorted(paths)})


def finish(node: Node) -> None:
    """Forget what was pending: every unit runs with its files."""
    if node.path(PENDING).exists():
        node.path(PENDING).unlink()
        sync_folder(node.path(FOLDER))


def note_applied(node: Node, note: dict[str, Any]) -> None:
    """Write down the manifest that the node has got to: digest, time, controller, reason."""
    _write(node, APPLIED, note)


def _read(node: Node, path: str) -> dict[str, Any]:
    try:
        found = json.loads(node.read(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(node: Node, path: str, note: dict[str, Any]) -> None:
    place = node.path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    staged = place.with_name(f"{place.name}.new")
    write_durably(staged, (json.dumps(note, ensure_ascii=False, indent=1) + "\n").encode(), 0o644)
    staged.rename(place)
    sync_folder(place.parent)
