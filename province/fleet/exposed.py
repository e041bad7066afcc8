"""Under which names users reach the systems of a site, and through which of its entrances.

Everything is by TLS. A name has a key and certificate of its own, in a secret in the room of its system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from province.fleet.system import HTTP_PORTS, HTTPS, EndKind, Exposure, System, end_of

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet
    from province.fleet.site import Site

PUBLIC_ZONE = "dmz"
"""The zone of a site in which users of the Internet arrive; a flow from there says that everybody may come."""


ENTRANCE_HOSTS = ("ingress", "worker", "control-plane")
"""Classes of hosts at which a site lets users in: the first of these that it has."""


@dataclass(frozen=True)
class Doors:
    """The ports at which one entrance is found at its hosts: by TLS, and without, where users are told of TLS.

    At `figures` it tells the watchers of its own site how many requests every system had, and nobody else.
    """

    https: int
    http: int
    figures: int


DOORS: Mapping[Exposure, Doors] = MappingProxyType(
    {Exposure.TSLCD: Doors(HTTPS, 80, 9101), Exposure.INTERNET: Doors(10443, 10080, 9102)}
)
"""By the network that users come from. The border of the Internet leads its 443 and 80 to those of its entrance, so a
connection that somebody sends to the wrong one of them is never taken for one from inside."""

SERVES: Mapping[Exposure, tuple[Exposure, ...]] = MappingProxyType(
    {Exposure.TSLCD: (Exposure.TSLCD, Exposure.INTERNET), Exposure.INTERNET: (Exposure.INTERNET,)}
)
"""Whose names an entrance answers for: what the Internet may see, the province's own network may, too."""

GUARDED = frozenset({Exposure.INTERNET})
"""What a web application firewall looks at first (TCVN 14423:2026, 5.12.2.2a: public entries; control 75)."""


@dataclass(frozen=True, order=True)
class ExposedName:
    """One name that users know, and the component of a system behind it."""

    host: str
    system: str
    component: str
    port: int
    exposure: Exposure

    @property
    def secret(self) -> str:
        """Where its key and certificate are, in the room of its system.

        The exposure is part of it, so that an account may be given those of one exposure by their names.
        """
        return f"{self.component}-{self.exposure.value}-tls"


def entrance_class(fleet: Fleet, site: Site) -> str | None:
    """The class of the hosts at which users reach the systems of a site; None for a site that lets nobody in."""
    there = {host.host_class for host in fleet.hosts_of(site.id)}
    return next((wanted for wanted in ENTRANCE_HOSTS if wanted in there), None)


def exposed_names(system: System, domain: str) -> tuple[ExposedName, ...]:
    """The names of one system, in the order of its file.

    It is `<system>.<domain>` for what it shows first, with `<component>.` before it for more. What the Internet does
    not come to is shown to the specialised network alone, whatever the rest of the system is.
    """
    found: list[ExposedName] = []
    for name, (port, origins) in _shown(system).items():
        public = system.exposure is Exposure.INTERNET and PUBLIC_ZONE in origins
        exposure = Exposure.INTERNET if public else Exposure.TSLCD
        prefix = f"{name}." if found else ""
        found.append(ExposedName(f"{prefix}{system.id}.{domain}", system.id, name, port, exposure))
    return tuple(found)


def exposed_at(fleet: Fleet, site: Site) -> Iterator[ExposedName]:
    """The names of every system that has its room in the site's cluster."""
    for system in fleet.systems_at(site):
        yield from exposed_names(system, fleet.province.domain)


def _shown(system: System) -> dict[str, tuple[int, set[str]]]:
    """The components to which users come by HTTP, in the order of the system's file: port, and the zones of users."""
    if system.exposure is Exposure.NONE:
        return {}
    found: dict[str, set[str]] = {}
    for flow in system.flows:
        origin, target = end_of(flow.origin), end_of(flow.to)
        if origin.kind is EndKind.ZONE and target.kind is EndKind.COMPONENT:
            found.setdefault(target.name, set()).add(origin.name)
    ports = {name: one.listens_on for name, one in system.components.items() if name in found}
    return {name: (port, found[name]) for name, port in ports.items() if port in HTTP_PORTS}
