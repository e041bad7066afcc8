"""Whose time hosts follow: enough servers that one of them may be wrong and is outvoted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from province.fleet.endpoint import Endpoint, Protocol
from province.fleet.findings import Finding
from province.fleet.hosts import Host
from province.fleet.references import unresolved
from province.fleet.site import Duty

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet


def hands_on(fleet: Fleet, host: Host) -> bool:
    """Whether a host hands on the clock of the machine under it, and follows nobody."""
    return Duty.TIME in host.duties and fleet.environment.time_from == "machine"


def references(fleet: Fleet, host: Host) -> tuple[Endpoint, ...]:
    """Whom a time server follows beside the other servers; those whose address is known."""
    if Duty.TIME not in host.duties or fleet.environment.time_from == "machine":
        return ()
    named = (fleet.endpoints[id_] for id_ in fleet.environment.time_from)
    return tuple(one for one in named if one.host)


def check_time(fleet: Fleet) -> Iterator[Finding]:
    """Whom the time servers ask exists, and every host has enough sources; for a plan whose addresses fit."""
    file = f"{fleet.root.name}/{fleet.environment.id}/environment.yml"
    asked = () if fleet.environment.time_from == "machine" else fleet.environment.time_from
    known = [id_ for id_, one in fleet.endpoints.items() if one.protocol is Protocol.NTP]
    wrong = [finding for id_ in asked for finding in unresolved(file, "time_from", id_, known, "clock")]
    yield from wrong or _too_few(fleet, file)


def _too_few(fleet: Fleet, file: str) -> Iterator[Finding]:
    """The first host that could not tell which of its sources is wrong; none where nobody serves the time at all."""
    servers = {host.name for host in fleet.hosts.values() if Duty.TIME in host.duties}
    least = fleet.province.clock.least_sources
    for host in fleet.hosts.values() if servers else ():
        found = len(servers - {host.name}) + len(references(fleet, host))
        if found < least and not hands_on(fleet, host):
            problem = f"{host.name} has {found} sources of time: nobody outvotes a wrong one"
            mend = (
                f"give the duty to more hosts, {least} for everybody: their number in the site's file, or `duties` here"
            )
            yield Finding(file, "sites", "", problem, mend)
            return
