"""Every flow of the model with both ends spelled out: who opens it, to whom, by which protocol, at which port, why.

What is not here is refused: the rules of the clusters are made from the same flows (`province.fleet.connections`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from province.fleet.system import HTTPS, End, EndKind, Flow, System, end_of

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet


@dataclass(frozen=True, order=True)
class Place:
    """One end of a flow: a zone, an endpoint of others, or a system with its component."""

    kind: EndKind
    name: str
    component: str = ""

    @property
    def text(self) -> str:
        """As files of systems write it: `zone/users`, `external/tax`, `e-office/web`."""
        if self.kind is EndKind.SYSTEM:
            return f"{self.name}/{self.component}" if self.component else self.name
        return f"{self.kind.value}/{self.name}"


@dataclass(frozen=True, order=True)
class FlowRow:
    """One flow. `port` is where the far end is found: at the entrance for users of HTTP; None where nobody told us."""

    origin: Place
    target: Place
    protocol: str
    port: int | None
    why: str
    declared_by: str

    @property
    def crosses(self) -> bool:
        """Whether it leaves its system."""
        return (self.origin.kind, self.origin.name) != (self.target.kind, self.target.name)


def flow_rows(fleet: Fleet) -> tuple[FlowRow, ...]:
    """The flows of all systems that are not retired, sorted by who opens them."""
    return tuple(sorted(_rows(fleet), key=lambda row: (row.origin, row.target)))


def touching(rows: tuple[FlowRow, ...], system: str) -> tuple[FlowRow, ...]:
    """Those that begin or end at a system, whoever declares them."""
    return tuple(row for row in rows if any(_is(end, system) for end in (row.origin, row.target)))


def _is(place: Place, system: str) -> bool:
    return place.kind is EndKind.SYSTEM and place.name == system


def _rows(fleet: Fleet) -> Iterator[FlowRow]:
    for system in (*fleet.systems.values(), *fleet.platform.values()):
        for flow in system.flows:
            yield _row(fleet, system, flow)


def _row(fleet: Fleet, system: System, flow: Flow) -> FlowRow:
    origin, target = _place(system, end_of(flow.origin)), _place(system, end_of(flow.to))
    protocol, port = _arrival(fleet, origin, target)
    return FlowRow(origin, target, protocol, port, flow.why or _usual_reason(system, origin), system.id)


def _place(system: System, end: End) -> Place:
    if end.kind is EndKind.COMPONENT:
        return Place(EndKind.SYSTEM, system.id, end.name)
    return Place(end.kind, end.name, end.component or "")


def _arrival(fleet: Fleet, origin: Place, target: Place) -> tuple[str, int | None]:
    """Protocol and port of the far end, as whoever opens the flow sees it."""
    if target.kind is EndKind.EXTERNAL:
        endpoint = fleet.endpoints[target.name]
        return endpoint.protocol.value, endpoint.port
    if target.kind is not EndKind.SYSTEM:
        return "", None
    component = {**fleet.platform, **fleet.systems}[target.name].components.get(target.component)
    if component is None:
        return "", None
    if origin.kind is EndKind.SYSTEM:
        return component.protocol, component.listens_on
    port = component.offered_on
    return ("https" if port == HTTPS else component.protocol), port


def _usual_reason(system: System, origin: Place) -> str:
    """Why a flow without a reason of its own is there: users use what is shown to them, parts use each other."""
    return f"users of {system.name.en}" if origin.kind is EndKind.ZONE else f"part of {system.name.en}"
