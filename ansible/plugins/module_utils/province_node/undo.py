"""The way back: everything that a transaction may switch is saved before, and put back if it does not succeed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from . import kernel, store, units
from .journal import Journal
from .node import Node, replace_durably, staged, sync_folder, write_durably

FILE = "undo.json"
Entry = dict[str, Any]


class Found(NamedTuple):
    """What is at a path: nothing, a file, or a link to `target`; owner and group as numbers."""

    kind: str
    mode: int = 0
    owner: int = 0
    group: int = 0
    target: str = ""


def look(node: Node, path: str) -> Found:
    """What is at a path, links not followed."""
    place = node.path(path)
    try:
        seen = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent")
    if stat.S_ISLNK(seen.st_mode):
        return Found("link", target=str(place.readlink()))
    return Found("file", stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid)


def keep(node: Node, path: str, found: Found, blob: str) -> Entry:
    """Save what is at a path; a file's content goes to `blob`, which only root may read."""
    if found.kind == "file":
        place = node.path(blob)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_durably(place, node.path(path).read_bytes(), 0o600, os.geteuid(), os.getegid())
        sync_folder(place.parent)
        return {"kind": "file", "blob": blob, "mode": found.mode, "owner": found.owner, "group": found.group}
    return {"kind": found.kind, "target": found.target}


def put_back(node: Node, path: str, entry: Entry) -> bool:
    """Make a path what it was; False if it is that already."""
    place = node.path(path)
    staged(place).unlink(missing_ok=True)
    found = look(node, path)
    if entry["kind"] == "absent":
        if found.kind == "absent":
            return False
        place.unlink()
        sync_folder(place.parent)
        return True
    if entry["kind"] == "link":
        if found == Found("link", target=entry["target"]):
            return False
        fresh = staged(place)
        fresh.symlink_to(entry["target"])
        fresh.replace(place)
        sync_folder(place.parent)
        return True
    content = node.path(entry["blob"]).read_bytes()
    wanted = Found("file", entry["mode"], entry["owner"], entry["group"])
    if found == wanted and place.read_bytes() == content:
        return False
    replace_durably(place, content, wanted.mode, wanted.owner, wanted.group)
    return True


class Undo:
    """What one transaction saved. Nothing may be switched whose old state is not on disk."""

    def __init__(self, node: Node, journal: Journal) -> None:
        self._node = node
        self._folder = journal.folder
        found = store.load(node, f"{self._folder}/{FILE}")
        self.paths: dict[str, Entry] = dict(found.get("paths", {}))
        self.units: dict[str, Entry] = dict(found.get("units", {}))
        self.sysctls: dict[str, str] = dict(found.get("sysctls", {}))
        self.folders: list[str] = list(found.get("folders", []))

    def save(self, paths: Iterable[str], wanted_units: dict[str, Any], sysctls: Iterable[str]) -> None:
        """Save the old state of paths, units and kernel settings that are not saved yet."""
        node = self._node
        node.step("undo")
        for path in paths:
            if path not in self.paths:
                self.folders += [name for name in missing_folders(node, path) if name not in self.folders]
                blob = f"{self._folder}/{len(self.paths):04}"
                self.paths[path] = keep(node, path, look(node, path), blob)
        unknown = [name for name in wanted_units if name not in self.units]
        for name, seen in units.look(node, unknown).items():
            patterns = {key: wanted_units[name][key] for key in ("restart_on", "reload_on")}
            self.units[name] = {"active": units.is_active(seen), "enabled": seen.enabled, **patterns}
        for place in kernel.places(node, sysctls):
            self.sysctls.setdefault(place, node.read(place))
        everything = {"paths": self.paths, "units": self.units, "sysctls": self.sysctls, "folders": self.folders}
        store.save(node, f"{self._folder}/{FILE}", everything)

    def restore(self, booting: bool = False) -> None:
        """Put everything back: files, then what systemd and the kernel have made of them.

        While the host boots, nothing that is started again may be waited for, and the kernel is as it was.
        """
        node = self._node
        if not booting:
            units.stop_new(node, self.units)
        for path, entry in self.paths.items():
            node.step(f"put back {path}")
            put_back(node, path, entry)
        self._remove_folders()
        if not booting:
            kernel.restore(node, self.sysctls)
        units.restore(node, self.units, list(self.paths), wait=not booting)

    def _remove_folders(self) -> None:
        for name in sorted(self.folders, key=len, reverse=True):
            remove_if_empty(self._node.path(name))


def missing_folders(node: Node, path: str) -> list[str]:
    """The folders above a path that are not there, the innermost first."""
    found = []
    folder = node.path(path).parent
    while not folder.exists():
        found.append(f"/{folder.relative_to(node.root)}")
        folder = folder.parent
    return found


def remove_if_empty(folder: Path) -> None:
    """Remove a folder with nothing in it."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        sync_folder(folder.parent)
