"""How both sides of a move are reached: facts of an environment, never of the province; passwords stand in none."""

from __future__ import annotations

import shlex
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, Self

from pydantic import IPvAnyAddress, PositiveInt, model_validator

from province.fleet.fact import Fact, NonBlank, Slug

POSTGRESQL_PORT = 5432


class HostAndPort(NamedTuple):
    """Where somebody listens."""

    address: IPv4Address | IPv6Address
    port: int


class OldDatabase(Fact):
    """How both databases of a move are reached: keys and values as libpq reads them, without passwords (`.pgpass`).

    The other two say how each side reaches the other; null: in the same way as the controller does.
    """

    source: NonBlank
    target: NonBlank
    source_from_target: NonBlank | None = None
    target_from_source: NonBlank | None = None

    @model_validator(mode="after")
    def _without_password(self) -> Self:
        if any("password=" in str(one).replace(" ", "") for one in vars(self).values()):
            raise ValueError("holds a password: it belongs into the file that PGPASSFILE names")
        return self

    @property
    def old_end(self) -> HostAndPort | None:
        """Where the new side finds the old one; None where it is reached by a name, by a socket, or not at all."""
        try:
            words = shlex.split(self.source_from_target or self.source)
            said = dict(word.split("=", 1) for word in words)
            return HostAndPort(
                ip_address(said.get("hostaddr", said.get("host", ""))), int(said.get("port", POSTGRESQL_PORT))
            )
        except ValueError:
            return None


class OldStandby(OldDatabase):
    """How a whole old server is followed: as a database's, and where the new server's files lie on its host.

    `host` as ssh knows it (null: the controller); `owner` runs the programs of `programs`, of the old server's release.
    `options`: what the new server is started with beside its own settings. `spare_port`: that and the next are free.
    """

    data: NonBlank
    programs: NonBlank
    spare_port: PositiveInt
    owner: Slug = "postgres"
    options: str = ""
    host: NonBlank | None = None


class OldFolder(Fact):
    """How both folders of a move are reached: `/path` on the controller, or `host:/path` as ssh and rsync read it.

    rsync runs on the new side's host and pulls, so that one has to reach the old side by the same words.
    """

    source: NonBlank
    target: NonBlank

    @model_validator(mode="after")
    def _reached(self) -> Self:
        for place in (self.source, self.target):
            if not (place.partition(":")[2] or place).startswith("/"):
                raise ValueError(f"{place!r} is no absolute path")
        if ":" in self.target and ":" not in self.source:
            raise ValueError("`source` lies on the controller, and `target` on a host that cannot pull from there")
        return self


class OldMailboxes(OldFolder):
    """Where both servers of mailboxes have their settings: Dovecot's folder of them, reached as a folder is.

    `spare`: a folder on both hosts with room for a second copy of all mailboxes. `source_programs` and
    `target_programs`: what begins each command there (`sudo`), split at blanks. Commands run as who may read all mail.
    """

    spare: NonBlank
    source_programs: str = ""
    target_programs: str = ""

    @model_validator(mode="after")
    def _room(self) -> Self:
        if not self.spare.startswith("/") or self.spare.rstrip("/") == "":
            raise ValueError(f"`spare` is {self.spare!r}: the path of a folder with room for a copy")
        return self


class OldBucket(Fact):
    """Where both servers of objects are (S3's protocol), and how the bucket is called there; null: alike on both.

    A profile names the account's keys in the file of AWS_SHARED_CREDENTIALS_FILE, a mover the account itself as rules
    of a bucket know it. `settle_seconds`: how long an upload lasts at most.
    """

    source: NonBlank
    target: NonBlank
    bucket: NonBlank
    target_bucket: NonBlank | None = None
    source_profile: NonBlank
    target_profile: NonBlank
    source_mover: NonBlank
    target_mover: NonBlank
    settle_seconds: PositiveInt

    @model_validator(mode="after")
    def _reached(self) -> Self:
        for url in (self.source, self.target):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url!r} is not asked over HTTP")
            if "@" in url:
                raise ValueError("holds a password: it belongs into the file that AWS_SHARED_CREDENTIALS_FILE names")
        if wrong := [one for one in (self.source_mover, self.target_mover) if not one.startswith("arn:")]:
            raise ValueError(f"{wrong[0]!r} is no name of an account as rules know it (arn:aws:iam::TENANT:user/NAME)")
        return self

    @property
    def new_bucket(self) -> str:
        """How the bucket is called on the new side."""
        return self.target_bucket or self.bucket


class OldQueue(Fact):
    """Where both servers of a work queue are (nats:// or tls://), and its stream; `credentials`: a file of `nsc`'s."""

    source: NonBlank
    target: NonBlank
    stream: Slug
    credentials: NonBlank | None = None

    @model_validator(mode="after")
    def _without_password(self) -> Self:
        if any("@" in one for one in (self.source, self.target)):
            raise ValueError("holds a password: `credentials` names a file that does")
        return self


class OldService(Fact):
    """A service that holds no data: commands of its host that stop and start it, and succeed while it runs.

    `logs`: its folder of logs, `/path` on the controller or `host:/path`; commands run on that host. `answers`: what
    the new service is asked, with status 200 when it is well.
    """

    logs: NonBlank
    stop: NonBlank
    start: NonBlank
    runs: NonBlank
    answers: NonBlank

    @model_validator(mode="after")
    def _over_http(self) -> Self:
        if not self.answers.startswith(("http://", "https://")):
            raise ValueError(f"{self.answers!r} is not asked over HTTP")
        return self


class OldName(Fact):
    """A name that users of a move come by, where it leads before and after, and who changes it (RFC 2136).

    `server`: the address of the zone's own server; `key`: a file as `tsig-keygen` writes it.
    """

    name: NonBlank
    zone: NonBlank
    server: NonBlank
    key: NonBlank
    old: tuple[IPvAnyAddress, ...]
    new: tuple[IPvAnyAddress, ...]
    port: PositiveInt = 53

    @model_validator(mode="after")
    def _within(self) -> Self:
        if not f".{self.name}".endswith(f".{self.zone}"):
            raise ValueError(f"{self.name} is no name of {self.zone}")
        if not self.old or not self.new or set(self.old) == set(self.new):
            raise ValueError(f"{self.name}: `old` and `new` are two places, with an address each")
        return self


class Watcher(Fact):
    """Who watches a new site: Prometheus at `url`, asked on `host` as ssh knows it; null: from the controller."""

    url: NonBlank
    host: NonBlank | None = None
