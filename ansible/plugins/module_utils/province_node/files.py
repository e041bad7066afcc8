"""Files: compare, stage beside the target, let each program check its own, switch all of them at once."""

from __future__ import annotations

import grp
import pwd
import shlex
import stat
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from . import undo
from .node import Done, Node, Trouble, make_folders, staged, sync_folder, write_durably


class Attributes(NamedTuple):
    """Owner, group and permission bits of a file, as text."""

    owner: str
    group: str
    mode: str

    def __str__(self) -> str:
        return f"{self.owner}:{self.group} {self.mode}"


class Change(NamedTuple):
    """A file that has to become another: content None means that it is, or shall be, absent."""

    path: str
    before: bytes | None
    before_attributes: Attributes | None
    after: bytes | None
    after_attributes: Attributes | None = None
    check: str | None = None
    secret: bool = False
    original: dict[str, Any] | None = None
    """What is put back because nothing wants our file any more."""

    @property
    def what(self) -> str:
        """The change in a few words."""
        if self.original is not None and self.after is not None:
            return f"restore {self.path}"
        if self.after is None:
            return f"remove {self.path}"
        return f"{'create' if self.before is None else 'change'} {self.path}"

    def diff(self) -> dict[str, str]:
        """The change as Ansible shows it: texts before and after; nothing of a secret."""
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": self._side(self.before, self.before_attributes),
            "after": self._side(self.after, self.after_attributes),
        }

    def _side(self, text: bytes | None, attributes: Attributes | None) -> str:
        if text is None:
            return ""
        shown = "(secret)\n" if self.secret else text.decode("utf-8", "replace")
        return f"# {attributes}\n{shown}" if self.before_attributes != self.after_attributes else shown


def compare(node: Node, wanted: dict[str, dict[str, Any]], absent: Iterable[str]) -> list[Change]:
    """What has to change so that the wanted files are there and the absent ones are not."""
    for names in (_user, _group):
        names.cache_clear()
    changes = [change for path, file in wanted.items() if (change := _compare(node, path, file)) is not None]
    for pattern in absent:
        for found in sorted(Path(node.root).glob(pattern.lstrip("/"))):
            path = f"/{found.relative_to(node.root)}"
            if path not in wanted:
                changes.append(Change(path, content(found), attributes(found), None))
    return changes


def stage(node: Node, changes: Sequence[Change]) -> None:
    """Write every new file beside its place and let its program check it; Trouble if one is refused.

    What is staged stays there: the way back removes it.
    """
    for change in changes:
        if change.after is not None and change.original is None:
            node.step(f"stage {change.path}")
            _stage(node, change)
    refused = [text for change in changes if (text := _refusal(node, change))]
    if refused:
        raise Trouble("nothing was switched, because a check failed:\n" + "\n".join(refused))


def switch(node: Node, changes: Sequence[Change]) -> None:
    """Make all changes that were staged; nothing can refuse them any more."""
    for change in changes:
        node.step(f"switch {change.path}")
        place = node.path(change.path)
        if change.original is not None:
            undo.put_back(node, change.path, change.original)
        elif change.after is None:
            place.unlink(missing_ok=True)
        else:
            staged(place).replace(place)
    for folder in sorted({node.path(change.path).parent for change in changes}):
        if folder.is_dir():
            sync_folder(folder)


def _compare(node: Node, path: str, file: dict[str, Any]) -> Change | None:
    place = node.path(path)
    after = Attributes(file["owner"], file["group"], file["mode"])
    wanted = file["content"].encode()
    before = content(place)
    if before == wanted and attributes(place) == after:
        return None
    return Change(path, before, attributes(place), wanted, after, file["check"], file["secret"])


def content(place: Path) -> bytes | None:
    """What a file holds, links followed; None if there is none."""
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise Trouble(f"{place} is a folder where a file has to be; move it away") from None


def attributes(place: Path) -> Attributes | None:
    """Owner, group and mode of what is at a place, without following a link; None if nothing is."""
    try:
        found = place.lstat()
    except FileNotFoundError:
        return None
    return Attributes(_user(found.st_uid), _group(found.st_gid), f"0{stat.S_IMODE(found.st_mode):03o}")


@cache
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@cache
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def numbers(path: str, wanted: Attributes) -> tuple[int, int]:
    """The numbers of a file's owner and group; Trouble if the host has no such account."""
    try:
        return pwd.getpwnam(wanted.owner).pw_uid, grp.getgrnam(wanted.group).gr_gid
    except KeyError:
        raise Trouble(f"{path} shall belong to {wanted.owner}:{wanted.group}; the host has no such account") from None


def _stage(node: Node, change: Change) -> None:
    assert change.after is not None  # noqa: S101
    assert change.after_attributes is not None  # noqa: S101
    place = staged(node.path(change.path))
    try:
        make_folders(place.parent)
        owner, group = numbers(change.path, change.after_attributes)
        write_durably(place, change.after, int(change.after_attributes.mode, 8), owner, group)
    except OSError as error:
        raise Trouble(f"{change.path} could not be staged: {error.strerror}") from None


def _refusal(node: Node, change: Change) -> str:
    """What the file's own program has against it; empty if nothing."""
    if change.check is None or change.after is None:
        return ""
    done = verdict(node, change, staged(node.path(change.path)))
    said = "(secret)" if change.secret else done.head
    return f"{change.path}: `{change.check}` said\n{said}" if done.code else ""


def verdict(node: Node, change: Change, place: Path) -> Done:
    """How a changed file's own program judges what lies at a place."""
    return node.try_run([word.replace("%s", str(place)) for word in shlex.split(change.check or "true")])
