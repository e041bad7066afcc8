"""What systems ask of a cluster: pods, and for each of them processor time and memory that it keeps free.

The programs that declare these pods take their numbers from here, too. What is not delivered yet counts as it will
when it is: a cluster that is too small for what was promised is found before that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from province.fleet.exposed import entrance_class
from province.fleet.hosts import Host
from province.fleet.layer import PLATFORM
from province.fleet.rooms import DATABASES, ENTRANCE, METRICS, NETWORK_POLICY
from province.fleet.site import HostRole, Site
from province.fleet.system import Component, ComponentKind, System

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

NODE_ROLES = frozenset({HostRole.CONTROL_PLANE.value, HostRole.WORKER.value, HostRole.INGRESS.value})
"""The hosts of a site that are nodes of its cluster; none of them refuses pods."""

PAIR = 2
"""So many pods of a part of the platform, where there are as many nodes: one may go without being missed."""


@dataclass(frozen=True)
class Ask:
    """Processor time in thousandths of a core, and memory in MiB."""

    cpu_millicores: int
    memory_mib: int

    def __add__(self, other: Ask) -> Ask:
        return Ask(self.cpu_millicores + other.cpu_millicores, self.memory_mib + other.memory_mib)

    def times(self, count: int) -> Ask:
        """What so many ask together."""
        return Ask(self.cpu_millicores * count, self.memory_mib * count)


NOTHING = Ask(0, 0)


@dataclass(frozen=True)
class Pods:
    """The pods of one component at peak: how many, and what each asks, with its volume in GiB.

    With `on` they stand on hosts of these classes, one on each, and nowhere else.
    """

    system: str
    component: str
    count: int
    each: Ask
    storage_gib: int = 0
    on: frozenset[str] = frozenset()

    @property
    def together(self) -> Ask:
        """What all of them ask."""
        return self.each.times(self.count)


def nodes_at(fleet: Fleet, site: Site) -> list[Host]:
    """The hosts that are nodes of a site's cluster."""
    return [host for host in fleet.hosts_of(site.id) if host.host_class in NODE_ROLES]


def runner_nodes(fleet: Fleet, site: Site) -> list[Host]:
    """The nodes of a site's cluster on which shards of roll-outs run: workers, or control planes where it has none.

    Hosts answer automation from these alone, so no pod of a shard may stand elsewhere.
    """
    there = list(fleet.hosts_of(site.id))
    classes = (HostRole.WORKER, HostRole.CONTROL_PLANE)
    found = ([host for host in there if host.host_class == role.value] for role in classes)
    return next((hosts for hosts in found if hosts), [])


def pair_at(fleet: Fleet, site: Site) -> int:
    """Two where there are two nodes, so that the loss of one does not take a program away for minutes."""
    return min(PAIR, len(nodes_at(fleet, site)))


def pods_of(fleet: Fleet, system: System) -> Iterator[Pods]:
    """The pods of a system at peak, in one cluster. KeyError for a kind that no size is given for."""
    for name, component in system.components.items():
        count, each, storage_gib = _asked(fleet, system, component)
        if count:
            yield Pods(system.id, name, count, each, storage_gib)


def platform_pods(fleet: Fleet, site: Site) -> Iterator[Pods]:
    """The pods of the platform's own programs in a site's cluster."""
    for part in fleet.rooms_at(site, PLATFORM):
        on = _EVERYWHERE.get(part.id, frozenset())
        if part.id == ENTRANCE:
            on = frozenset(filter(None, [entrance_class(fleet, site)]))
        for pods in pods_of(fleet, part):
            count = sum(host.host_class in on for host in nodes_at(fleet, site)) if on else pods.count
            if part.id in _PAIRS:
                count = pair_at(fleet, site)
            yield Pods(part.id, pods.component, count, pods.each, on=on)


def together(pods: Iterable[Pods]) -> Ask:
    """What all of them ask."""
    return sum((one.together for one in pods), NOTHING)


_PAIRS = frozenset({METRICS, DATABASES})
_EVERYWHERE: Mapping[str, frozenset[str]] = MappingProxyType({NETWORK_POLICY: NODE_ROLES})


def _asked(fleet: Fleet, system: System, component: Component) -> tuple[int, Ask, int]:
    """How many pods a component has at peak, what each of them asks, and the GiB of its volume."""
    if component.kind is ComponentKind.POSTGRESQL:
        database = fleet.environment.databases.of(component)
        return database.instances, Ask(database.cpu_millicores, database.memory_mib), database.storage_gib
    storage_gib = component.storage_gib or 0
    usual = fleet.tiers[system.tier].containers
    if component.kind is ComponentKind.HOSTS:
        return 0, NOTHING, 0
    if component.kind is ComponentKind.WORKLOAD:
        cpu, memory = usual.default_cpu_millicores, usual.default_memory_mib
        each = Ask(component.cpu_millicores or cpu, component.memory_mib or memory)
        return component.replicas_at_peak, each, storage_gib
    kind = fleet.assumptions.provided[component.kind]
    count = component.most_replicas or component.replicas or kind.pods
    cpu, memory = kind.cpu_millicores or 0, kind.memory_mib or 0
    return count, Ask(component.cpu_millicores or cpu, component.memory_mib or memory), storage_gib
