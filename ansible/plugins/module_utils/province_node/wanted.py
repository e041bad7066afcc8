"""The wanted state: parts, one for each capability, that are kept apart on disk and read as one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from .node import Trouble

SCHEMA = 2
Manifest = dict[str, Any]


@dataclass
class Wanted:
    """Everything that some parts want of a host, in the order of their capabilities.

    `capability` says for each thing which capability wants it: ("files", "/etc/a") → "time".
    """

    packages: list[str] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    sysctls: dict[str, dict[str, Any]] = field(default_factory=dict)
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    health: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    guarded: list[str] = field(default_factory=list)
    capability: dict[tuple[str, str], str] = field(default_factory=dict)


def read(manifest: Manifest) -> Wanted:
    """What a manifest wants; Trouble if it has another form than this code knows."""
    if manifest["schema"] != SCHEMA:
        raise Trouble(f"this manifest has form {manifest['schema']}, the node knows {SCHEMA}: use one checkout")
    wanted = Wanted()
    for part in manifest["parts"]:
        _add(wanted, part)
    return wanted


def merge(held: Manifest | None, sent: Manifest, only: str) -> Manifest:
    """The whole state after one capability is exchanged in what the host holds; all of `sent` without `only`."""
    if not only or held is None:
        return sent
    parts = [part for part in held["parts"] if part["capability"] != only] + sent["parts"]
    return {**sent, "parts": sorted(parts, key=lambda part: (part["order"], part["role"]))}


def canonical(manifest: Manifest) -> bytes:
    """The text whose digest names a manifest; the controller makes the same (`Manifest.canonical`)."""
    return json.dumps(manifest, ensure_ascii=False, separators=(",", ":")).encode()


def digest(manifest: Manifest) -> str:
    """The name of a manifest."""
    return sha256(canonical(manifest)).hexdigest()


def part_of(manifest: Manifest, capability: str) -> Manifest:
    """The part of a manifest that one capability makes, in the form in which the controller sends it."""
    return {**manifest, "parts": [part for part in manifest["parts"] if part["capability"] == capability]}


def _add(wanted: Wanted, part: dict[str, Any]) -> None:
    name = part["capability"]
    wanted.capabilities.append(name)
    if part["guarded"]:
        wanted.guarded.append(name)
    for kind in ("packages", "absent", "health"):
        there = getattr(wanted, kind)
        there += [one for one in part[kind] if one not in there]
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
