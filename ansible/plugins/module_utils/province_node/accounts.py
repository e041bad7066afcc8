"""Local groups and accounts: those that are declared exist as declared; no others are touched."""

from __future__ import annotations

from typing import Any, NamedTuple

from .node import Node

SHUT = "1970-01-02"
"""A day on which an account has long expired; the first of January means different things to different programs."""


class Change(NamedTuple):
    """An account or group that has to change: in words, and the command that does it."""

    what: str
    command: tuple[str, ...]
    made: tuple[str, str] | None = None
    """What of the ledger it makes: kind and name."""


def compare(node: Node, users: list[dict[str, Any]], groups: list[dict[str, Any]]) -> list[Change]:
    """What has to change, groups first."""
    there = {name for name, *_ in _lines(node, "/etc/group")}
    changes = [
        Change(
            f"group {group['name']}: create",
            ("groupadd", *_option("--gid", group["gid"]), group["name"]),
            ("groups", group["name"]),
        )
        for group in groups
        if group["name"] not in there
    ]
    return changes + [change for user in users for change in _compare(node, user)]


def apply(node: Node, changes: list[Change]) -> None:
    """Make the changes."""
    for change in changes:
        node.step(change.what)
        node.run(change.command)


def _compare(node: Node, user: dict[str, Any]) -> list[Change]:
    name = user["name"]
    found = next((fields for fields in _lines(node, "/etc/passwd") if fields[0] == name), None)
    if found is None:
        return [Change(f"account {name}: create", _creation(user), ("users", name))]
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
        Change(
            f"account {name}: group {group}",
            ("usermod", "--append", "--groups", group, name),
            ("memberships", f"{name} {group}"),
        )
        for group in user["groups"]
        if name not in _members(node, group)
    ]
    if user["locked"] and not _is_locked(node, name):
        changes.append(Change(f"account {name}: no password", ("usermod", "--lock", name)))
    if _expires(node, name):
        changes.append(Change(f"account {name}: open again", ("usermod", "--expiredate", "", name)))
    return changes


def refusals(node: Node, users: list[dict[str, Any]], groups: list[dict[str, Any]]) -> list[str]:
    """Accounts that cannot be made, because their number belongs to another name."""
    uids = {fields[2]: fields[0] for fields in _lines(node, "/etc/passwd")}
    gids = {fields[2]: fields[0] for fields in _lines(node, "/etc/group")}
    there = set(uids.values())
    taken = [
        f"account {user['name']}: number {user['uid']} belongs to {uids[str(user['uid'])]}"
        for user in users
        if user["name"] not in there and str(user["uid"]) in uids
    ]
    return taken + [
        f"group {group['name']}: number {group['gid']} belongs to {gids[str(group['gid'])]}"
        for group in groups
        if gids.get(str(group["gid"]), group["name"]) != group["name"]
    ]


def retired_user(node: Node, name: str) -> list[Change]:
    """An account that nothing wants any more is shut for good; it is not deleted, because files carry its number."""
    if name not in {fields[0] for fields in _lines(node, "/etc/passwd")} or _expires(node, name):
        return []
    return [Change(f"account {name}: shut", ("usermod", "--lock", "--expiredate", SHUT, name))]


def retired_group(node: Node, name: str) -> list[Change]:
    """A group that nothing wants any more goes, unless somebody is in it."""
    found = next((fields for fields in _lines(node, "/etc/group") if fields[0] == name), None)
    if found is None or found[3] or found[2] in {fields[3] for fields in _lines(node, "/etc/passwd")}:
        return []
    return [Change(f"group {name}: remove", ("groupdel", name))]


def retired_membership(node: Node, name: str) -> list[Change]:
    """A membership, written "account group", that nothing wants any more ends."""
    user, group = name.split(" ")
    if user not in _members(node, group):
        return []
    return [Change(f"account {user}: leave group {group}", ("gpasswd", "--delete", user, group))]


def _creation(user: dict[str, Any]) -> tuple[str, ...]:
    """The command that makes an account; without a password it is locked from the start.

    Who cannot log in is a service: its folder is what systemd makes of it, without the files of somebody's shell.
    """
    home = "--no-create-home" if str(user["shell"]).endswith("/nologin") else "--create-home"
    options = (
        *_option("--uid", user["uid"]),
        *_option("--comment", user["comment"]),
        *_option("--home-dir", user["home"]),
        *_option("--shell", user["shell"]),
        *_option("--groups", ",".join(user["groups"]) or None),
    )
    return ("useradd", home, "--user-group", *options, user["name"])


def _option(name: str, value: object) -> tuple[str, ...]:
    return () if value is None else (name, str(value))


def _lines(node: Node, path: str) -> list[list[str]]:
    return [line.split(":") for line in node.read(path).splitlines() if line]


def _members(node: Node, group: str) -> list[str]:
    return next((fields[3].split(",") for fields in _lines(node, "/etc/group") if fields[0] == group), [])


def _expires(node: Node, name: str) -> bool:
    """Whether an account was shut by its date (shadow(5), field 8, days since 1970)."""
    found = next((fields for fields in _lines(node, "/etc/shadow") if fields[0] == name), [])
    return len(found) > 7 and found[7] not in ("", "-1")


def _is_locked(node: Node, name: str) -> bool:
    """Whether no password can match: passwords never begin with these characters (shadow(5))."""
    secret = next((fields[1] for fields in _lines(node, "/etc/shadow") if fields[0] == name), "")
    return secret.startswith(("!", "*"))
