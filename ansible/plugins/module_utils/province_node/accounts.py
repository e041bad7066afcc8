"""Local groups and accounts: those that are declared exist as declared; no others are touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .node import Node


@dataclass(frozen=True)
class Change:
    """An account or group that has to change: in words, and the command that does it."""

    what: str
    command: tuple[str, ...]


def compare(node: Node, users: list[dict[str, Any]], groups: list[dict[str, Any]]) -> list[Change]:
    """What has to change, groups first."""
    there = {name for name, *_ in _lines(node, "/etc/group")}
    changes = [
        Change(f"group {group['name']}: create", ("groupadd", *_option("--gid", group["gid"]), group["name"]))
        for group in groups
        if group["name"] not in there
    ]
    return changes + [change for user in users for change in _compare(node, user)]


def apply(node: Node, changes: list[Change]) -> None:
    """Make the changes."""
    for change in changes:
        node.run(change.command)


def _compare(node: Node, user: dict[str, Any]) -> list[Change]:
    name = user["name"]
    found = next((fields for fields in _lines(node, "/etc/passwd") if fields[0] == name), None)
    if found is None:
        return [Change(f"account {name}: create", _creation(user))]
    options = {
        "--comment": (user["comment"], found[4]),
        "--home": (user["home"], found[5]),
        "--shell": (user["shell"], found[6]),
    }
    changes = [
        Change(f"account {name}: {option.lstrip('-')} {wanted}", ("usermod", option, wanted, name))
        for option, (wanted, seen) in options.items()
        if wanted is not None and wanted != seen
    ]
    changes += [
        Change(f"account {name}: group {group}", ("usermod", "--append", "--groups", group, name))
        for group in user["groups"]
        if name not in _members(node, group)
    ]
    if user["locked"] and not _is_locked(node, name):
        changes.append(Change(f"account {name}: no password", ("usermod", "--lock", name)))
    return changes


def _creation(user: dict[str, Any]) -> tuple[str, ...]:
    """The command that makes an account; without a password it is locked from the start."""
    options = (
        *_option("--uid", user["uid"]),
        *_option("--comment", user["comment"]),
        *_option("--home-dir", user["home"]),
        *_option("--shell", user["shell"]),
        *_option("--groups", ",".join(user["groups"]) or None),
    )
    return ("useradd", "--create-home", "--user-group", *options, user["name"])


def _option(name: str, value: object) -> tuple[str, ...]:
    return () if value is None else (name, str(value))


def _lines(node: Node, path: str) -> list[list[str]]:
    return [line.split(":") for line in node.read(path).splitlines() if line]


def _members(node: Node, group: str) -> list[str]:
    return next((fields[3].split(",") for fields in _lines(node, "/etc/group") if fields[0] == group), [])


def _is_locked(node: Node, name: str) -> bool:
    """Whether no password can match: passwords never begin with these characters (shadow(5))."""
    secret = next((fields[1] for fields in _lines(node, "/etc/shadow") if fields[0] == name), "")
    return secret.startswith(("!", "*"))
