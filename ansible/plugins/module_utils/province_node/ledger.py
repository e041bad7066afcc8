"""The ledger: what on this host was put there by us, on behalf of which capability, and what was there before.

It is written before anything is put there, so that even a run that was cut short leaves nothing behind without an
owner. What is not in it was never ours and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import store, undo
from .bootstrap import digest_of
from .node import Node
from .wanted import Wanted

KINDS = ("files", "folders", "units", "packages", "users", "groups", "memberships", "keys")
Entry = dict[str, Any]


class Ledger:
    """Kind → name → who put it there and what was there before."""

    def __init__(self, node: Node) -> None:
        self._node = node
        found = store.load(node, store.LEDGER)
        self.entries: dict[str, dict[str, Entry]] = {kind: dict(found.get(kind, {})) for kind in KINDS}
        self._written = {kind: dict(entries) for kind, entries in self.entries.items()}

    def put(self, kind: str, name: str, capability: str, **before: Any) -> None:
        """A thing is about to be put there; what was there before is only noted the first time."""
        entry = self.entries[kind].setdefault(name, {"capability": capability, **before})
        if entry["capability"] != capability:
            self.entries[kind][name] = {**entry, "capability": capability}

    def drop(self, kind: str, name: str) -> None:
        """A thing is no longer ours, because it is gone or back to what it was."""
        self.entries[kind].pop(name, None)

    def save(self) -> None:
        """Write it down, if it says anything new."""
        if self.entries != self._written:
            self._node.step("ledger")
            store.save(self._node, store.LEDGER, self.entries)
            self._written = {kind: dict(entries) for kind, entries in self.entries.items()}

    def retired(self, kind: str, wanted: Wanted, scope: Iterable[str]) -> dict[str, Entry]:
        """Our things that nothing wants any more; with a scope, only those of its capabilities."""
        capabilities = set(scope)
        return {
            name: entry
            for name, entry in self.entries[kind].items()
            if (kind, name) not in wanted.capability and (not capabilities or entry["capability"] in capabilities)
        }


def keep_original(node: Node, path: str) -> Entry:
    """Keep what somebody else has put in a path that becomes ours."""
    found = undo.look(node, path)
    blob = f"{store.ORIGINALS}/{digest_of(path.encode())[:32]}"
    return undo.keep(node, path, found, blob)
