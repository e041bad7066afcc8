"""What a watcher holds systems to: objectives, where their requests are counted, and who fails because of whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from graphlib import CycleError, TopologicalSorter

from province.fleet.exposed import DOORS, entrance_class, exposed_names
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.objective import BURNS, LEAST_FAILURES
from province.fleet.site import Duty, Provided, Site
from province.fleet.system import EndKind, System, end_of
from province.manifest.peers import Peers

MS = 1000


def promises_view(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    """For a host that watches: the promises of the systems of its own site; empty lists for any other host."""
    site = fleet.sites[host.site] if host.site and Duty.MONITORING in host.duties else None
    held = list(promised_at(fleet, site)) if site else []
    return {
        "entrance_ports": [doors.figures for doors in DOORS.values()] if site else [],
        "watched_entrances": list(_entrances(fleet, site, host, peers)) if site else [],
        "objectives": [_objective(fleet, system) for system in held],
        "objective_burns": [asdict(burn) for burn in BURNS],
        "objective_least_failures": LEAST_FAILURES,
        "objective_causes": [
            {"system": cause, "fails_with_it": sorted(others)} for cause, others in causes(held).items()
        ],
    }


def promised_at(fleet: Fleet, site: Site) -> Iterator[System]:
    """The systems of a site that users reach by name, whose software is delivered, and that promise something."""
    for system in fleet.systems_at(site):
        names = exposed_names(system, fleet.province.domain)
        delivered = any(system.components[one.component].image for one in names)
        if delivered and system.objective_in(fleet.tiers):
            yield system


def causes(systems: list[System]) -> Mapping[str, set[str]]:
    """For each system, those that ask it something and so fail when it does.

    Two that need each other would each keep the other's alarm silent, and nobody would be told: among systems that
    lead back to themselves nothing is the cause of anything.
    """
    known = {system.id for system in systems}
    asks = {
        system.id: {
            end.name
            for flow in system.flows
            if (end := end_of(flow.to)).kind is EndKind.SYSTEM and end.name in known - {system.id}
        }
        for system in systems
    }
    while cycle := _cycle(asks):
        for asker in cycle:
            asks[asker] -= cycle
    found: dict[str, set[str]] = {}
    for asker, asked in asks.items():
        for cause in asked:
            found.setdefault(cause, set()).add(asker)
    return dict(sorted(found.items()))


def _cycle(asks: Mapping[str, set[str]]) -> set[str]:
    try:
        TopologicalSorter(asks).prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()


def _objective(fleet: Fleet, system: System) -> dict[str, object]:
    promised = system.objective_in(fleet.tiers)
    assert promised is not None, system.id  # noqa: S101 - promised_at leaves out those without
    return {
        "system": system.id,
        "tier": system.tier.value,
        "owner": system.owner,
        "failed_budget": promised.failed_budget,
        "slow_budget": promised.slow_budget,
        # As Prometheus writes a bound: 1 and 0.25.
        "quick_s": f"{promised.quick_ms / MS:g}",
    }


def _entrances(fleet: Fleet, site: Site, host: Host, peers: Peers) -> Iterator[dict[str, object]]:
    """The entrances of the watcher's own site; the other site has watchers of its own."""
    if site.cluster is None or not site.cluster.offers(Provided.INGRESS):
        return
    wanted = entrance_class(fleet, site)
    for other in fleet.hosts_of(site.id):
        if other.host_class == wanted:
            for exposure, doors in DOORS.items():
                yield {
                    "name": f"{other.name}-{exposure.value}",
                    "stands_on": other.name,
                    "network": exposure.value,
                    "site": site.id,
                    "ipv4": str(peers.address(other, host).plain[0]),
                    "port": doors.figures,
                }
