"""The journal of the one transaction that may be under way: what it is, and how far it has got."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import store
from .node import Node, Trouble

SCHEMA = 1
PREPARING = "preparing"
"""Packages, accounts and keys may be new; of the files only the package sources."""
SWITCHING = "switching"
"""Any of the saved paths and units may be old or new."""
ARMED = "armed"
"""Everything is new and healthy; the timer puts it back unless a new connection confirms it."""
COMMITTED = "committed"
"""It is the new state; what only has to be written down may be missing."""


class Journal(NamedTuple):
    """One transaction. `connection` is that of the controller that began it; `since` is UTC.

    `scope` are the capabilities that it is about, empty for all; `changes` is what it does, in words.
    """

    generation: int
    phase: str
    digest: str
    since: str
    controller: str
    reason: str
    connection: str
    confirm_seconds: int
    scope: Sequence[str] = ()
    changes: Sequence[str] = ()
    guarded: Sequence[str] = ()
    schema: int = SCHEMA

    @property
    def folder(self) -> str:
        """Where its generation is kept: the manifest, and what is needed to go back."""
        return f"{store.GENERATIONS}/{self.generation}"

    def at(self, phase: str) -> Journal:
        """The same transaction, further on."""
        return self._replace(phase=phase)


def read(node: Node) -> Journal | None:
    """The transaction under way, if there is one."""
    found = store.load(node, store.JOURNAL)
    if not found:
        return None
    if found["schema"] != SCHEMA:
        raise Trouble(f"the journal has form {found['schema']}, this code knows {SCHEMA}: use the newer checkout")
    return Journal(**found)


def write(node: Node, journal: Journal) -> Journal:
    """Write down how far a transaction has got, before going on."""
    node.step(f"journal {journal.phase}")
    store.save(node, store.JOURNAL, journal._asdict())
    return journal


def forget(node: Node) -> None:
    """The transaction has ended, one way or the other."""
    node.step("journal removed")
    store.forget(node, store.JOURNAL)


def now() -> str:
    """The time in UTC, as it is written down everywhere."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def record(journal: Journal, versions: dict[str, str]) -> dict[str, Any]:
    """What is kept of a transaction that succeeded."""
    return {
        "digest": journal.digest,
        "generation": journal.generation,
        "time": now(),
        "controller": journal.controller,
        "reason": journal.reason,
        "changes": journal.changes,
        "packages": versions,
    }
