"""What we once put there and nothing wants any more: it goes away, and what was there before comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import accounts, files, keys, packages, undo, units
from .ledger import Ledger
from .node import Node
from .wanted import Wanted


class Retired:
    """Files and units go with the switch, because they can come back; the rest only once the new state is confirmed.

    `gone` are entries of the ledger whose thing is no longer there, or was never changed. `kept` says in words
    what has to stay although nothing wants it.
    """

    def __init__(self) -> None:
        self.files: list[files.Change] = []
        self.units: list[units.Action] = []
        self.keys: dict[str, str] = {}
        self.accounts: list[accounts.Change] = []
        self.packages: list[str] = []
        self.gone: list[tuple[str, str]] = []
        self.kept: list[str] = []

    @property
    def late(self) -> list[str]:
        """In words, what goes once the new state is confirmed."""
        return [
            *(f"remove key {path}" for path in self.keys),
            *(change.what for change in self.accounts),
            *(f"remove {name}" for name in self.packages),
        ]


def compare(node: Node, wanted: Wanted, ledger: Ledger, scope: Iterable[str]) -> Retired:
    """What has to go; `wanted` is the whole state, `scope` the capabilities that the run is about, empty for all."""
    found = Retired()
    for path, entry in ledger.retired("files", wanted, scope).items():
        _file(node, path, entry, found)
    for name, entry in ledger.retired("units", wanted, scope).items():
        actions = units.retire(node, name, entry)
        found.units += actions
        _unless(actions, "units", name, found)
    for path, entry in ledger.retired("keys", wanted, scope).items():
        if undo.look(node, path).kind == "absent":
            found.gone.append(("keys", path))
        else:
            found.keys[path] = entry["public"]
    _accounts(node, wanted, ledger, scope, found)
    _packages(node, wanted, ledger, scope, found)
    return found


def empty_folders(node: Node, ledger: Ledger) -> None:
    """Remove the folders that we made and that nothing is in any more, the innermost first."""
    for name in sorted(ledger.entries["folders"], key=len, reverse=True):
        undo.remove_if_empty(node.path(name))


def apply_late(node: Node, found: Retired, ledger: Ledger) -> None:
    """Remove what cannot come back."""
    for path, public in found.keys.items():
        keys.remove(node, path, public)
        ledger.drop("keys", path)
    accounts.apply(node, found.accounts)
    if found.packages:
        packages.remove(node, found.packages)
        for name in found.packages:
            ledger.drop("packages", name)


def _file(node: Node, path: str, entry: dict[str, Any], found: Retired) -> None:
    original = entry["original"] or {"kind": "absent"}
    if entry["original"] is None and packages.conffiles(node, [path]):
        found.kept.append(f"{path}: it belongs to a package, and what that had there is not known")
        return
    there = node.path(path)
    before = undo.look(node, path)
    after = node.path(original["blob"]).read_bytes() if original["kind"] == "file" else None
    if original["kind"] == "link":
        after = original["target"].encode()
    same = before.kind == original["kind"] and (
        before.kind == "absent"
        or (before.kind == "link" and before.target == original["target"])
        or (before.kind == "file" and there.read_bytes() == after and before.mode == original["mode"])
    )
    if same:
        found.gone.append(("files", path))
        return
    content = None if before.kind == "absent" else files.content(there)
    found.files.append(files.Change(path, content, files.attributes(there), after, secret=True, original=original))


def _accounts(node: Node, wanted: Wanted, ledger: Ledger, scope: Iterable[str], found: Retired) -> None:
    ways = {
        "memberships": accounts.retired_membership,
        "users": accounts.retired_user,
        "groups": accounts.retired_group,
    }
    for kind, changes_of in ways.items():
        for name in ledger.retired(kind, wanted, scope):
            changes = changes_of(node, name)
            found.accounts += changes
            _unless(changes, kind, name, found)


def _packages(node: Node, wanted: Wanted, ledger: Ledger, scope: Iterable[str], found: Retired) -> None:
    there = packages.versions(node)
    ours = ledger.entries["packages"]
    for name, entry in ledger.retired("packages", wanted, scope).items():
        if name not in there:
            found.gone.append(("packages", name))
        elif entry["asked"] and name not in found.packages:
            gone = packages.removable(node, name, ours, wanted.packages)
            found.packages += [one for one in gone if one not in found.packages]
            if not gone:
                found.kept.append(f"package {name}: removing it would take along what is wanted or not ours")


def _unless(changes: list[Any], kind: str, name: str, found: Retired) -> None:
    if not changes and kind not in ("users", "groups"):
        found.gone.append((kind, name))
