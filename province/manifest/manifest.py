"""The manifest of a host: its whole wanted state as one value, with a digest that names it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal

from province.manifest.capability import KeyKind, Need, Protocol

SCHEMA = 2
"""Version of the form that nodes receive; a node refuses one that it does not know."""


@dataclass(frozen=True)
class ManagedFile:
    """A file as it has to be. `mode` is octal text; `check` refuses a bad one, `%s` is the staged file."""

    content: str
    owner: str
    group: str
    mode: str
    check: str | None
    secret: bool
    template: str
    capability: str


@dataclass(frozen=True)
class Key:
    """A private key that the node makes for itself. `subject` and `names` are what its certificate request asks.

    `recipient` is the public key (PEM) for which a sealed one is sealed, empty for others.
    """

    kind: KeyKind
    owner: str
    group: str
    mode: str
    subject: str
    names: tuple[str, ...]
    recipient: str = ""

    def public(self, path: str) -> str:
        """Where the public half of the key at `path` lies."""
        return f"{path}.csr" if self.kind == "x509-ec" else f"{path}.pub"


@dataclass(frozen=True)
class User:
    """A local account. `uid` is for an account that has to be made; None leaves a value as it is."""

    name: str
    uid: int | None
    comment: str | None
    home: str | None
    shell: str | None
    groups: tuple[str, ...]
    locked: bool


@dataclass(frozen=True)
class Group:
    """A local group."""

    name: str
    gid: int | None


@dataclass(frozen=True)
class Sysctl:
    """A kernel setting. `live` is False where the kernel is not the host's own: then only its file says it."""

    value: str
    live: bool


@dataclass(frozen=True)
class Unit:
    """A systemd unit; the patterns name the files whose change restarts or reloads it.

    `probe` is a command that fails when what the unit has loaded is no longer what its files say.
    """

    state: Literal["running", "stopped"] | None
    enabled: bool
    restart_on: tuple[str, ...]
    reload_on: tuple[str, ...]
    probe: str | None


@dataclass(frozen=True)
class Listen:
    """A declared door. `source` are names, `ipv4` and `ipv6` the prefixes that they stand for here."""

    port: int
    protocol: Protocol
    source: tuple[str, ...]
    process: str
    capability: str
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


@dataclass(frozen=True)
class Send:
    """A declared way out. `to` are names, `ipv4` and `ipv6` the prefixes that they stand for here."""

    port: int
    protocol: Protocol
    to: tuple[str, ...]
    capability: str
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """What one capability contributes to a manifest, by name; the node owns each thing on behalf of its capability.

    `guarded`: a change of this part goes back by itself unless a new connection confirms it.
    """

    capability: str
    role: str
    order: int
    guarded: bool
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    sysctls: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """The wanted state of one host, in the order of its capabilities."""

    host: str
    parts: tuple[Part, ...]
    waiting: dict[str, tuple[Need, ...]]
    """Capabilities that the host will have once this is enrolled; until then the manifest has only their keys."""
    packages: tuple[str, ...]
    files: dict[str, ManagedFile]
    keys: dict[str, Key]
    absent: tuple[str, ...]
    users: tuple[User, ...]
    groups: tuple[Group, ...]
    sysctls: dict[str, Sysctl]
    units: dict[str, Unit]
    listens: tuple[Listen, ...]
    sends: tuple[Send, ...]
    health: tuple[str, ...]

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The names of its capabilities, in their order."""
        return tuple(part.capability for part in self.parts)

    @property
    def waits(self) -> list[str]:
        """What the host lacks until something is enrolled, for people."""
        return [f"{what} waits for {' and '.join(needs)}" for what, needs in self.waiting.items()]

    @property
    def advice(self) -> list[str]:
        """What has to be done so that the host gets what it lacks; empty if it lacks nothing."""
        return [f"{self.host}: {'; '.join(self.waits)}: run the playbook enrol"] if self.waiting else []

    def desired(self) -> dict[str, object]:
        """What the node receives: plain JSON values, without what only readers of the repository need."""
        return {"schema": SCHEMA, "host": self.host, "parts": [self._desired(part) for part in self.parts]}

    def _desired(self, part: Part) -> dict[str, object]:
        """A part with its things themselves in place of their names."""
        return {
            **vars(part),
            "files": {path: _without(self.files[path], "template", "capability") for path in part.files},
            "keys": {path: {**vars(self.keys[path]), "public": self.keys[path].public(path)} for path in part.keys},
            "users": [vars(user) for user in self.users if user.name in part.users],
            "groups": [vars(group) for group in self.groups if group.name in part.groups],
            "sysctls": {key: vars(self.sysctls[key]) for key in part.sysctls},
            "units": {name: vars(self.units[name]) for name in part.units},
        }

    def canonical(self) -> str:
        """The wanted state as JSON that is the same for the same state; order of units and packages counts."""
        return json.dumps(self.desired(), ensure_ascii=False, separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `canonical`: what the node writes down when it has got there."""
        return sha256(self.canonical().encode()).hexdigest()


def _without(file: ManagedFile, *names: str) -> dict[str, object]:
    return {name: value for name, value in vars(file).items() if name not in names}
