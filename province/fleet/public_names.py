"""What the Internet is told of the province: who answers for its names, where they lead, who sends its mail."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from province.fleet.fact import DomainName, Fact, Slug, SourceRef

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet
    from province.fleet.system import System

DkimSelector = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
PublicKeyText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{40,}={0,2}$")]
"""A public key in base64, as `p=` of a DKIM record has it (RFC 6376, 3.6.1)."""


class PublicEntrance(Fact):
    """Where the Internet meets a site: the border leads 443, 80 and 25 of these addresses to the site's zone `dmz`."""

    ipv4: IPv4Address
    ipv6: IPv6Address
    source: SourceRef


class PublicNames(Fact):
    """Who answers for the province's domain on the Internet: name servers that sign what they answer (DNSSEC)."""

    servers: Annotated[tuple[DomainName, ...], Field(min_length=2)]
    source: SourceRef


class DmarcPolicy(StrEnum):
    """What others shall do with mail in the province's name that is not the province's (RFC 7489, 6.3)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class DkimKey(Fact):
    """A key that signs outgoing mail. `key` is its public part, null until the relay has made the pair.

    Its pair is RSA: verifiers must know that algorithm, and need not know another (RFC 8301, 3.1).
    """

    selector: DkimSelector
    key: PublicKeyText | None


class Mail(Fact):
    """How a system exchanges mail for the province's domain, and how others know what is truly from it.

    `exchange` is the component that takes mail of others and sends the province's. `reports` is the mailbox of the
    domain to which others report what they refused.
    """

    exchange: Slug
    dkim: Annotated[tuple[DkimKey, ...], Field(min_length=1)]
    policy: DmarcPolicy
    reports: Slug
    source: SourceRef


def mail_system(fleet: Fleet) -> System | None:
    """The system that exchanges mail for the province's domain."""
    return next((one for one in fleet.systems.values() if one.mail and one.has_room), None)
