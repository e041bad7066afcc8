"""What the Internet is told leads somewhere, and mail in the province's name can be told from forged one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from province.fleet.findings import Finding
from province.fleet.public_names import Mail, mail_system
from province.fleet.system import State, System

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

SMTP = 25


def check_public_names(fleet: Fleet) -> Iterator[Finding]:
    """Mail without a way in, without a key once it runs, or by two systems; public systems where no name leads."""
    first = mail_system(fleet)
    for system in fleet.systems.values():
        if system.mail and system.has_room:
            file = fleet.origins[f"systems/{system.id}"]
            yield from _mail(system, system.mail, file)
            if first and system is not first:
                mend = "one system exchanges mail for a domain; take `mail` out of the other"
                yield Finding(file, "mail", system.id, f"{first.id} exchanges mail, too", mend)
    if fleet.province.public_names is None:
        return
    for site in fleet.sites.values():
        if site.cluster and site.public is None:
            mend = "say `public: {ipv4: …, ipv6: …, source: …}`: public names of the systems there lead nowhere"
            yield Finding(fleet.origins[f"sites/{site.id}"], "public", "null", "the Internet finds no way in", mend)


def _mail(system: System, mail: Mail, file: str) -> Iterator[Finding]:
    exchange = system.components.get(mail.exchange)
    if exchange is None or exchange.listens_on != SMTP:
        mend = f"name a component of this file that listens on port {SMTP}"
        yield Finding(file, "mail.exchange", mail.exchange, "takes no mail", mend)
    elif not any((one.origin, one.to) == ("zone/dmz", mail.exchange) for one in system.flows):
        mend = f"declare the flow {{from: zone/dmz, to: {mail.exchange}, why: …}}"
        yield Finding(file, "mail.exchange", mail.exchange, "mail of others has no way in", mend)
    for place, one in enumerate(mail.dkim):
        if one.key is None and system.state is State.RUNNING:
            mend = "write down the public part of the key that the relay signs with"
            yield Finding(file, f"mail.dkim.{place}.key", "null", "a system that runs signs its mail", mend)
