"""The flows of all systems as they are inside one cluster: which pods open a connection to which, and why.

A flow that comes from a zone or from outside the province arrives through the entrance of the site, a part of the
platform; so inside the cluster it is a connection from there. Flows that leave the province are in `departures_at`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from province.fleet.rooms import ENTRANCE
from province.fleet.system import ComponentKind, End, EndKind, Flow, System, end_of

if TYPE_CHECKING:
    from province.fleet.endpoint import Endpoint
    from province.fleet.fleet import Fleet
    from province.fleet.site import Site


@dataclass(frozen=True, order=True)
class Pods:
    """Pods of one room: those of one component, or all of them."""

    room: str
    component: str | None = None


@dataclass(frozen=True, order=True)
class Connection:
    """What `origin` may open to `target`: protocol and port there, why, and the file that declares it."""

    origin: Pods
    target: Pods
    protocol: str
    port: int
    why: str
    declared_in: str


@dataclass(frozen=True)
class Departure:
    """What `origin` may open to a system of others, outside the province."""

    origin: Pods
    endpoint: Endpoint
    why: str
    declared_in: str


def connections_at(fleet: Fleet, site: Site) -> tuple[Connection, ...]:
    """Every connection of which both ends have their room in the site's cluster, each once, sorted."""
    here = {system.id: system for system in fleet.systems_at(site)}
    found: dict[tuple[Pods, Pods], list[Connection]] = {}
    for system in here.values():
        for flow in system.flows:
            for one in _inside(system, flow, here, fleet.origin_of(system)):
                found.setdefault((one.origin, one.target), []).append(one)
    return tuple(sorted(_merged(same) for same in found.values()))


def departures_at(fleet: Fleet, site: Site) -> tuple[Departure, ...]:
    """Every flow that leaves the province from the site's cluster, whether its far end is known or not."""
    return tuple(
        Departure(
            Pods(system.id, end_of(flow.origin).name),
            fleet.endpoints[far.name],
            flow.why or "",
            fleet.origin_of(system),
        )
        for system in fleet.systems_at(site)
        for flow in system.flows
        for far in (end_of(flow.to),)
        if far.kind is EndKind.EXTERNAL
    )


def _inside(system: System, flow: Flow, here: dict[str, System], file: str) -> Iterator[Connection]:
    origin, end = end_of(flow.origin), end_of(flow.to)
    if end.kind is EndKind.COMPONENT:
        target = Pods(system.id, end.name)
    elif end.kind is EndKind.SYSTEM and end.name in here:
        target = Pods(end.name, end.component)
    else:
        return
    component = here[target.room].components.get(target.component or "")
    if component is None or component.listens_on is None or component.kind is ComponentKind.HOSTS:
        return
    comes = origin.kind in {EndKind.ZONE, EndKind.EXTERNAL} or _is_no_pod(system, origin)
    opener = Pods(ENTRANCE) if comes else Pods(system.id, origin.name)
    why = flow.why or (f"users of zone {origin.name}" if comes else f"{system.name.en}: {origin.name} uses {end.name}")
    yield Connection(opener, target, component.protocol, component.listens_on, why, file)


def _is_no_pod(system: System, origin: End) -> bool:
    """Whether hosts beside the cluster open the flow: they come through the entrance, as users do."""
    return origin.kind is EndKind.COMPONENT and system.components[origin.name].kind is ComponentKind.HOSTS


def _merged(same: list[Connection]) -> Connection:
    """One connection for all flows between the same two ends: users of several zones come through one entrance."""
    reasons = "; ".join(dict.fromkeys(one.why for one in same))
    first = same[0]
    return Connection(first.origin, first.target, first.protocol, first.port, reasons, first.declared_in)
