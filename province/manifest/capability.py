"""What a role says of itself: packages, files, units and doors of one capability, read from its `manifest.yml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from province.fleet.fact import ControlId, Fact, FeatureId, NonBlank, Port
from province.fleet.findings import nearest
from province.fleet.hosts import Host, HostClass
from province.fleet.site import Duty

CHECKOUT = Path(__file__).resolve().parents[2]

SCOPES = {"common": "common", "edge": "edge", "dc": "datacentre"}
"""First word of a role's name → folder of its templates."""


EVERY_HOST = "every-host"
DUTY = "duty/"
SYMBOLS = (
    *("management", "services", "site", "sites", "zones", "nodes", "gateways", "tunnels", "mirror"),
    *("resolvers", "outside-resolvers", "clocks", "outside-clocks", "registries", "entrances"),
    *("cluster-nodes", "runners", "pods", "any"),
)
ZONE = "zone/"
DOMAIN = "domain/"
"""All nodes of a routing domain: `domain/<domain>`, which may name a part of `item`."""


def _audience(value: str) -> str:
    known = (EVERY_HOST, *get_args(HostClass), *(DUTY + duty for duty in Duty))
    return _known(value, known, "class of hosts or duty")


def _peer(value: str) -> str:
    return value if value.startswith((ZONE, DOMAIN)) else _known(value, SYMBOLS, "name for peers")


def _known(value: str, known: tuple[str, ...], what: str) -> str:
    if value in known:
        return value
    guess = nearest(value, known)
    raise ValueError(f"no such {what}" + (f', did you mean "{guess}"?' if guess else f"; known: {', '.join(known)}"))


def _has_place(value: str) -> str:
    if value.count("%s") != 1:
        raise ValueError("must name the file to check once, as %s")
    return value


Audience = Annotated[str, AfterValidator(_audience)]
"""Whom something is for: `every-host`, a class of hosts, or `duty/<duty>`."""

Peer = Annotated[str, AfterValidator(_peer)]
"""Hosts by what they are, never by address: `SYMBOLS`, `zone/<zone of the same place>`, `domain/<domain>`."""

PathOnHost = Annotated[str, StringConstraints(pattern=r"^/[^\s]*(\{\{ item\.\w+ \}\}[^\s]*)?$")]
Expression = Annotated[str, StringConstraints(pattern=r"^\{\{.+\}\}$")]
Mode = Annotated[str, StringConstraints(pattern=r"^0[0-7]{3}$")]
Check = Annotated[str, AfterValidator(_has_place)]
PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]
Protocol = Literal["tcp", "udp"]
KeyKind = Literal["wireguard", "x509-ec", "ssh-ed25519", "sealed"]
Need = Literal["certificate"]
"""What the register of enrolled hosts must hold before a capability can work."""


class PackageSpec(Fact):
    """A Debian package; a name alone stands for one that is always there. `when` is as in `FileSpec`."""

    name: PackageName
    when: NonBlank | None = None


def _package(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class FileSpec(Fact):
    """A file: its template (under `templates/`), and who may read it.

    `check` is the program that refuses a bad file before it takes its place; `%s` stands for the staged file.
    `each` names a list of the host's view: one file for each element, which is `item` in path and template.
    `when` is an expression over the host's view. `header: false` is for formats that have no comments.
    """

    template: NonBlank
    owner: NonBlank = "root"
    group: NonBlank = "root"
    mode: Mode = "0644"
    check: Check | None = None
    each: NonBlank | None = None
    when: NonBlank | None = None
    header: bool = True
    secret: bool = False


class KeySpec(Fact):
    """A private key that is made on the node and never leaves it; its public half lies beside it.

    `wireguard` (`wg genkey`) and `ssh-ed25519` (`ssh-keygen`) have it as `<path>.pub`, `x509-ec` (P-256, `openssl`)
    as the certificate request `<path>.csr` for the host's full name and `names`: DNS names or addresses, which may
    name parts of the host's view; one that renders empty is left out. `sealed` is a password by chance (`openssl`),
    its public half the same sealed for `recipient`, a public key in PEM (RSA): whoever has that private key can read
    it, and nobody else. The package that brings the program belongs to `packages`. A key is made once, and removed
    only when no capability names it any more. `each` as for files.
    """

    kind: KeyKind
    owner: NonBlank = "root"
    group: NonBlank = "root"
    mode: Mode = "0600"
    names: tuple[NonBlank, ...] = ()
    recipient: NonBlank | None = None
    each: NonBlank | None = None
    when: NonBlank | None = None

    @model_validator(mode="after")
    def _names_are_for_certificates(self) -> Self:
        if self.names and self.kind != "x509-ec":
            raise ValueError("only a key of kind x509-ec has names")
        if (self.recipient is not None) != (self.kind == "sealed"):
            raise ValueError("a key of kind sealed, and no other, says its `recipient`")
        return self


class UnitSpec(Fact):
    """A systemd unit. `state: null` leaves it to somebody else whether it runs. `each`: one unit for each element.

    `restart_on`, `reload_on`: patterns of paths; a change of such a file restarts or reloads the unit.
    `probe`: a command that succeeds as long as what the unit has loaded is what its files say; else it is reloaded.
    """

    state: Literal["running", "stopped"] | None = "running"
    enabled: bool = True
    restart_on: tuple[NonBlank, ...] = ()
    reload_on: tuple[NonBlank, ...] = ()
    probe: NonBlank | None = None
    each: NonBlank | None = None
    when: NonBlank | None = None


class UserSpec(Fact):
    """A local account; the values may name parts of `item` when `each` is given.

    An account that is there already keeps its number, because files on disk carry it.
    """

    each: NonBlank | None = None
    uid: NonBlank | None = None
    comment: str | None = None
    home: NonBlank | None = None
    shell: NonBlank | None = None
    groups: tuple[NonBlank, ...] = ()
    locked: bool = True
    """Whether no password opens the account; certificates still do."""


class GroupSpec(Fact):
    """A local group."""

    gid: int | None = None


class ListenSpec(Fact):
    """A door: a port that a process of the host listens on, and who may come to it. `each`: one for each element.

    `process` may name parts of the host's view: on one platform a program listens, on another the kernel.
    """

    port: Port | Expression
    protocol: Protocol = "tcp"
    source: Annotated[tuple[Peer, ...], Field(alias="from", min_length=1)]
    process: NonBlank
    each: NonBlank | None = None
    when: NonBlank | None = None


class SendSpec(Fact):
    """A way out: the port of others that the host may connect to. `each`: one for each element."""

    port: Port | Expression
    protocol: Protocol = "tcp"
    to: Annotated[tuple[Peer, ...], Field(min_length=1)]
    each: NonBlank | None = None
    when: NonBlank | None = None


class Capability(Fact):
    """What a host can do because of one role; hosts get all capabilities that apply to them, in `order`."""

    role: NonBlank
    capability: NonBlank
    order: int = Field(ge=0, le=99)
    applies_to: tuple[Audience, ...] = Field(min_length=1)
    guarded: bool = False
    """Whether a change may cut the host off: it then goes back by itself unless a new connection confirms it."""
    needs: tuple[Need, ...] = ()
    packages: tuple[Annotated[PackageSpec, BeforeValidator(_package)], ...] = ()
    files: dict[PathOnHost, FileSpec] = Field(default_factory=dict)
    keys: dict[PathOnHost, KeySpec] = Field(default_factory=dict)
    absent: tuple[PathOnHost, ...] = ()
    """Patterns of files that must not be there: what a first start left behind."""
    units: dict[NonBlank, UnitSpec] = Field(default_factory=dict)
    sysctls: dict[NonBlank, str] = Field(default_factory=dict)
    users: dict[NonBlank, UserSpec] = Field(default_factory=dict)
    groups: dict[NonBlank, GroupSpec] = Field(default_factory=dict)
    listens: tuple[ListenSpec, ...] = ()
    sends: tuple[SendSpec, ...] = ()
    health: tuple[NonBlank, ...] = ()
    keeps: tuple[NonBlank, ...] = ()
    """Commands that have to succeed after any change if they did before it: what no change may cost a host."""
    controls: tuple[ControlId, ...] = ()
    features: tuple[FeatureId, ...] = ()

    @property
    def templates(self) -> str:
        """The folder of its templates, relative to `templates/`: `edge/time`."""
        scope = self.role.partition("_")[0]
        return f"{SCOPES[scope]}/{self.capability}"

    @property
    def until_enrolled(self) -> Capability:
        """What a host gets of it before the register holds what it needs: its keys, so that they can be enrolled."""
        return Capability(
            role=self.role,
            capability=self.capability,
            order=self.order,
            applies_to=self.applies_to,
            guarded=self.guarded,
            needs=self.needs,
            packages=self.packages if self.keys else (),
            keys=self.keys,
        )

    def applies(self, host: Host) -> bool:
        """Whether a host has this capability."""
        wanted = set(self.applies_to)
        return bool(wanted & {EVERY_HOST, host.host_class, *(DUTY + duty for duty in host.duties)})
