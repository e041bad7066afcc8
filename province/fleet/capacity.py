"""Whether a site's hosts can carry what its systems ask at peak: with one host lost, and with the other site lost.

Pods are put on hosts one after the other, the largest first, as far as each host still has both processor time and
memory. A sum alone would count the remains of many hosts that no pod fits into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from province.fleet.findings import Finding
from province.fleet.hosts import Host
from province.fleet.requests import NODE_ROLES, Ask, Pods, nodes_at, platform_pods, pods_of, together
from province.fleet.room_limits import check_room_limits
from province.fleet.site import HostRole, Site
from province.fleet.stores import check_stores
from province.fleet.system import ComponentKind, System
from province.fleet.tier import TierId

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

KEPT_WITHOUT_A_SITE = frozenset({TierId.A, TierId.B})
"""The tiers that the other site takes over; those below wait or are pushed out by their priority."""

EVICTION_MIB = 100
"""Memory at which a kubelet begins to evict pods (`evictionHard` of its configuration), so none is promised it."""

KIBI = 1024
MILLI = 1000

SIZED_BY_THEMSELVES = frozenset({ComponentKind.WORKLOAD, ComponentKind.POSTGRESQL, ComponentKind.HOSTS})


@dataclass(frozen=True)
class Verdict:
    """One loss at one site: what is asked, what the hosts that are left can give, and the pods that find no host."""

    site: str
    lost: str
    asked: Ask
    offered: Ask
    pods: int
    homeless: tuple[Pods, ...]

    @property
    def fits(self) -> bool:
        """Whether every pod finds a host."""
        return not self.homeless


def verdicts(fleet: Fleet) -> tuple[Verdict, ...]:
    """Every loss that the sites must bear. Empty where hosts have no size of their own."""
    if fleet.environment.host_sizes != "declared":
        return ()
    found = []
    for site in fleet.data_centres:
        hosts = nodes_at(fleet, site)
        own = [pods for system in fleet.systems_at(site) for pods in pods_of(fleet, system)]
        for role in sorted({host.host_class for host in hosts}):
            gone = next(host for host in hosts if host.host_class == role)
            left = [host for host in hosts if host is not gone]
            found.append(_judge(fleet, site, f"one {role} host", left, own))
        for other in fleet.data_centres:
            if other.id != site.id:
                kept = [pods for system in _kept(fleet, (site, other)) for pods in pods_of(fleet, system)]
                found.append(_judge(fleet, site, f"the site {other.id}", hosts, kept))
    return tuple(found)


def check_capacity(fleet: Fleet) -> list[Finding]:
    """Rooms let their systems in; and where hosts have a size, pods and objects find a place whatever is lost.

    For a fleet whose sizing has no findings.
    """
    unknown = list(_kinds(fleet))
    if unknown:
        return unknown
    findings = list(check_room_limits(fleet))
    if fleet.environment.host_sizes == "declared":
        missing = list(_sizes(fleet))
        findings += missing or [_finding(fleet, verdict) for verdict in verdicts(fleet) if not verdict.fits]
        findings += check_stores(fleet)
    return findings


def _kept(fleet: Fleet, sites: Iterable[Site]) -> list[System]:
    """The systems of either site that must go on when one of the two is lost, by id."""
    found = {system.id: system for site in sites for system in fleet.systems_at(site)}
    return [system for id_, system in sorted(found.items()) if system.tier in KEPT_WITHOUT_A_SITE]


def _judge(fleet: Fleet, site: Site, lost: str, hosts: Sequence[Host], own: Sequence[Pods]) -> Verdict:
    platform = list(platform_pods(fleet, site))
    free = {host.name: offer(fleet, site, host, platform) for host in hosts}
    offered = sum(free.values(), Ask(0, 0))
    wanted = [*(pods for pods in platform if not pods.on), *own]
    asked = together(wanted)
    homeless = tuple(_place(wanted, free))
    return Verdict(site.id, lost, asked, offered, sum(pods.count for pods in wanted), homeless)


def offer(fleet: Fleet, site: Site, host: Host, platform: Iterable[Pods]) -> Ask:
    """What one host has left for pods that may stand anywhere. ValueError for a host without a size."""
    size = site.hosts[HostRole(host.host_class)].size
    if size is None:
        raise ValueError(f"{host.name} has no size")
    kept, shares = fleet.environment.platform.reserved, fleet.assumptions.nodes
    taken = [Ask(kept.cpu_millis, kept.memory_mib + EVICTION_MIB)]
    taken.append(Ask(shares.every.cpu_millicores, shares.every.memory_mib))
    if host.host_class == HostRole.CONTROL_PLANE.value:
        taken.append(Ask(shares.control_plane.cpu_millicores, shares.control_plane.memory_mib))
    taken += [pods.each for pods in platform if host.host_class in pods.on]
    all_taken = sum(taken, Ask(0, 0))
    return Ask(size.cores * MILLI, size.memory_gib * KIBI) + all_taken.times(-1)


def _place(wanted: Iterable[Pods], free: dict[str, Ask]) -> Iterator[Pods]:
    """Put pods on hosts, the largest first; yields, for each component, those that found none."""
    for pods in sorted(wanted, key=lambda one: (-one.each.memory_mib, -one.each.cpu_millicores, one.system)):
        missing = sum(not _put(pods.each, free) for _ in range(pods.count))
        if missing:
            yield Pods(pods.system, pods.component, missing, pods.each)


def _put(pod: Ask, free: dict[str, Ask]) -> bool:
    """Take a pod's share from the host that has the most memory left, as a scheduler that spreads pods does."""
    fitting = [
        name
        for name, rest in free.items()
        if rest.cpu_millicores >= pod.cpu_millicores and rest.memory_mib >= pod.memory_mib
    ]
    if not fitting:
        return False
    name = max(fitting, key=lambda one: (free[one].memory_mib, free[one].cpu_millicores))
    free[name] += pod.times(-1)
    return True


def _sizes(fleet: Fleet) -> Iterator[Finding]:
    for site in fleet.data_centres:
        for role, group in site.hosts.items():
            if role.value in NODE_ROLES and group.count and group.size is None:
                mend = "declare `size: {cores: …, memory_gib: …}`: its pods count on it"
                yield Finding(fleet.origins[f"sites/{site.id}"], f"hosts.{role.value}.size", "", "missing", mend)


def _kinds(fleet: Fleet) -> Iterator[Finding]:
    used: Mapping[ComponentKind, str] = {
        component.kind: system.id for system in fleet.systems.values() for component in system.components.values()
    }
    for kind, system in used.items():
        if kind not in SIZED_BY_THEMSELVES and kind not in fleet.assumptions.provided:
            mend = f"say what one asks of a cluster; {system} has one"
            yield Finding(fleet.origins["assumptions"], f"provided.{kind.value}", "", "missing", mend)


def _finding(fleet: Fleet, verdict: Verdict) -> Finding:
    first = verdict.homeless[0]
    missing = sum(pods.count for pods in verdict.homeless)
    problem = (
        f"with {verdict.lost} lost, {missing} of {verdict.pods} pods find no host, first {first.system}/"
        f"{first.component}; asked: {amount(verdict.asked)}, there: {amount(verdict.offered)}"
    )
    mend = "declare more or larger hosts, or correct what the systems ask for"
    return Finding(fleet.origins[f"sites/{verdict.site}"], "hosts", "", problem, mend)


def amount(ask: Ask) -> str:
    """Processor time and memory as people say them: `12.5 cores, 64 GiB`."""
    return f"{ask.cpu_millicores / MILLI:,.1f} cores, {ask.memory_mib / KIBI:,.0f} GiB"
