"""The wanted state: parts, one for each capability, that are kept apart on disk and read as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .bootstrap import digest_of
from .node import Trouble

SCHEMA = 2
Manifest = dict[str, Any]


class Wanted:
    """Everything that some parts want of a host, in the order of their capabilities.

    `capability` says for each thing which capability wants it: ("files", "/etc/a") → "time".
    """

    def __init__(self) -> None:
        self.packages: list[str] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.absent: list[str] = []
        self.users: list[dict[str, Any]] = []
        self.groups: list[dict[str, Any]] = []
        self.sysctls: dict[str, dict[str, Any]] = {}
        self.units: dict[str, dict[str, Any]] = {}
        self.health: list[str] = []
        self.keeps: list[str] = []
        self.capabilities: list[str] = []
        self.guarded: list[str] = []
        self.capability: dict[tuple[str, str], str] = {}


def read(manifest: Manifest) -> Wanted:
    """What a manifest wants; Trouble if it has another form than this code knows."""
    if manifest["schema"] != SCHEMA:
        raise Trouble(f"this manifest has form {manifest['schema']}, the node knows {SCHEMA}: use one checkout")
    wanted = Wanted()
    for part in manifest["parts"]:
        _add(wanted, part)
    return wanted


def merge(held: Manifest | None, sent: Manifest, only: Sequence[str]) -> Manifest:
    """The whole state after some capabilities are exchanged in what the host holds; all of `sent` without `only`."""
    if not only or held is None:
        return sent
    parts = [part for part in held["parts"] if part["capability"] not in only] + sent["parts"]
    return {**sent, "parts": sorted(parts, key=lambda part: (part["order"], part["role"]))}


def guarded(manifest: Manifest) -> list[str]:
    """The capabilities of a manifest whose changes have to be confirmed."""
    return [part["capability"] for part in manifest["parts"] if part["guarded"]]


def canonical(manifest: Manifest) -> bytes:
    """The text whose digest names a manifest; the controller makes the same (`Manifest.canonical`)."""
    return json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode()


def digest(manifest: Manifest) -> str:
    """The name of a manifest."""
    return digest_of(canonical(manifest))


def part_of(manifest: Manifest, only: Sequence[str]) -> Manifest:
    """The part of a manifest that some capabilities make, in the form in which it is sent; all for none."""
    if not only:
        return manifest
    return {**manifest, "parts": [part for part in manifest["parts"] if part["capability"] in only]}


def _add(wanted: Wanted, part: dict[str, Any]) -> None:
    name = part["capability"]
    wanted.capabilities.append(name)
    if part["guarded"]:
        wanted.guarded.append(name)
    for kind in ("packages", "absent", "health", "keeps"):
        there = getattr(wanted, kind)
        # Generations that were kept before there was anything to keep do not name it.
        there += [one for one in part.get(kind, []) if one not in there]
    for kind in ("files", "keys", "sysctls", "units"):
        getattr(wanted, kind).update(part[kind])
    wanted.users += part["users"]
    wanted.groups += part["groups"]
    named = {kind: list(part[kind]) for kind in ("packages", "files", "keys", "sysctls", "units")}
    named["users"] = [user["name"] for user in part["users"]]
    named["groups"] = [group["name"] for group in part["groups"]]
    for kind, names in named.items():
        wanted.capability.update({(kind, one): name for one in names})
    for user in part["users"]:
        wanted.capability.update({("memberships", f"{user['name']} {group}"): name for group in user["groups"]})
