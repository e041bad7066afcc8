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
    asked = fleet.environment.time_from
    known = [id_ for id_, one in fleet.endpoints.items() if one.protocol is Protocol.NTP]
    wrong = (
        []
        if asked == "machine"
        else [one for id_ in asked for one in unresolved(file, "time_from", id_, known, "clock")]
    )
    yield from wrong
    servers = [host for host in fleet.hosts.values() if Duty.TIME in host.duties]
    least = fleet.province.clock.least_sources
    if wrong or not servers:
        return
    for host in fleet.hosts.values():
        found = len(servers) - (host in servers) + len(references(fleet, host))
        if found < least and not hands_on(fleet, host):
            mend = (
                f"give the duty to more hosts, {least} for everybody: their number in the site's file, or `duties` here"
            )
            yield Finding(
                file, "sites", "", f"{host.name} has {found} sources of time: nobody outvotes a wrong one", mend
            )
            return
