"""The last good states of the host, each with its whole manifest, so that it can go back without the controller."""

from __future__ import annotations

import json
from typing import Any

from . import store, undo
from .node import Node, Trouble, replace_durably, sync_folder
from .wanted import Manifest, canonical

KEPT = 3
MANIFEST = "manifest.json"
RECORD = "record.json"


def current(node: Node) -> Manifest | None:
    """The manifest of the last good state; None on a host that has none yet."""
    number = store.load(node, store.APPLIED).get("generation")
    return None if number is None else manifest(node, int(number))


def manifest(node: Node, number: int) -> Manifest:
    """The manifest of a generation; Trouble if it is not kept."""
    text = node.read(f"{store.GENERATIONS}/{number}/{MANIFEST}")
    if not text:
        kept = ", ".join(str(record["generation"]) for record in good(node))
        raise Trouble(f"there is no generation {number} on this host; kept are {kept or 'none'}")
    return dict(json.loads(text))


def good(node: Node) -> list[dict[str, Any]]:
    """The records of all generations that succeeded, the oldest first."""
    found = [store.load(node, f"{store.GENERATIONS}/{number}/{RECORD}") for number in _numbers(node)]
    return [record for record in found if record]


def begin(node: Node, wanted: Manifest) -> int:
    """Open the folder of a new generation, with what it wants; returns its number."""
    node.step("generation")
    number = max(_numbers(node), default=0) + 1
    folder = node.path(f"{store.GENERATIONS}/{number}")
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(mode=0o700)
    for parent in (node.path(store.GENERATIONS), node.path(store.FOLDER)):
        sync_folder(parent)
    replace_durably(folder / MANIFEST, canonical(wanted), 0o600)
    return number


def finish(node: Node, record: dict[str, Any]) -> None:
    """A generation has succeeded: it needs no way back any more, and the oldest make room for it."""
    node.step("generation is good")
    folder = f"{store.GENERATIONS}/{record['generation']}"
    store.save(node, f"{folder}/{RECORD}", record)
    for place in node.path(folder).iterdir():
        if place.name not in (MANIFEST, RECORD):
            place.unlink()
    keep = {one["generation"] for one in good(node)[-KEPT:]}
    for number in _numbers(node):
        if number not in keep:
            discard(node, number)


def discard(node: Node, number: int) -> None:
    """Forget a generation. What leads back goes first: half a folder is never taken for a whole one."""
    node.step(f"forget generation {number}")
    folder = node.path(f"{store.GENERATIONS}/{number}")
    for name in (RECORD, undo.FILE):
        (folder / name).unlink(missing_ok=True)
    for place in folder.iterdir():
        place.unlink()
    folder.rmdir()


def _numbers(node: Node) -> list[int]:
    folder = node.path(store.GENERATIONS)
    return sorted(int(one.name) for one in folder.iterdir()) if folder.is_dir() else []
