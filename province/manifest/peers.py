"""Names for peers and the prefixes they stand for: a manifest says `management`, the firewall needs addresses."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from province.errors import ExitCode, ProvinceError
from province.fleet import addressing
from province.fleet.addressing import AddressPair
from province.fleet.environment import CLUSTER, ForwardZone
from province.fleet.fact import RoutingDomain, Slug
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.province import NetworkPair
from province.fleet.requests import runner_nodes
from province.fleet.site import Duty
from province.fleet.time_sources import references
from province.manifest.capability import DOMAIN, ZONE
from province.manifest.passages import Passage, entrances, passages
from province.manifest.prefixes import EVERYBODY, Network, Prefixes, of_interface, prefixes, single

AT_SITES = frozenset({"management", "runners", "services", "site", "sites", "mirror", "resolvers", "clocks"})
"""Names of peers that stand at sites: traffic between them and a node goes through a gateway."""

OWN = frozenset({"zones"})
"""Names of peers that mean something else at every node."""

NODE_CLASSES = ("control-plane", "worker", "ingress")
"""Classes of hosts that are nodes of their site's cluster."""


class Peers:
    """Who is who in a fleet; what several hosts need is worked out once."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.facts: dict[str, dict[str, object]] = {}
        """What the model says of hosts, as far as somebody has asked (`view.host_facts`)."""
        self._resolved: dict[tuple[tuple[str, ...], str], Prefixes] = {}  # most names mean the same to all nodes
        self._doing: dict[tuple[Duty, Slug | None], tuple[Host, ...]] = {}
        self._named: dict[tuple[str, str], dict[str, str]] = {}

    @cached_property
    def site_hosts(self) -> tuple[Host, ...]:
        """All hosts at sites."""
        return tuple(host for host in self.fleet.hosts.values() if host.site)

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """What the zones of communes may reach at the sites."""
        return passages(self.fleet)

    @cached_property
    def node_of_each_domain(self) -> tuple[Host, ...]:
        """One node of each routing domain: what nodes ask of the sites does not depend on their commune."""
        return tuple({node.routing_domain: node for node in self.fleet.nodes}.values())

    @cached_property
    def management(self) -> dict[str, NetworkPair]:
        """The management zone of each site with hosts."""
        zone = self.fleet.province.management_zone
        numbers = {one.id: number for number, one in enumerate(self.fleet.province.site_zones)}
        subnets = {
            site: addressing.site_zone(self.fleet.province.addressing, rank, numbers[zone])
            for rank, site in enumerate(self.fleet.site_prefixes)
        }
        return {site: NetworkPair(ipv4=subnet.ipv4, ipv6=subnet.ipv6) for site, subnet in subnets.items()}

    def with_duty(self, duty: Duty, host: Host) -> tuple[Host, ...]:
        """The hosts that do a duty for a host: those of its own site first, then the primary one's, then the rest."""
        key = duty, host.site
        if key not in self._doing:
            doing = [one for one in self.site_hosts if duty in one.duties]
            primary = self.fleet.primary_site.id
            ordered = sorted(doing, key=lambda one: (one.site != host.site, one.site != primary, one.name))
            self._doing[key] = tuple(ordered)
        return self._doing[key]

    def named(self, other: Host, host: Host) -> dict[str, str]:
        """Names and addresses under which a host reaches another one.

        All hosts of one network are given the same value, so nobody may change it.
        """
        key = other.name, host.interfaces[0].network
        if key not in self._named:
            ipv4, ipv6 = self.address(other, host).plain
            self._named[key] = {"name": other.name, "fqdn": other.fqdn, "ipv4": str(ipv4), "ipv6": str(ipv6)}
        return self._named[key]

    def address(self, other: Host, host: Host) -> AddressPair:
        """Where a host reaches another one: in the network of its own first device, else at the other's first address.

        A bastion stands in the management zone alone, which joins the sites; an answer must come back the way the
        question went, and a host drops a question that came another way than it would answer (RFC 3704).
        """
        own = host.interfaces[0]
        near = [one.address for one in other.interfaces if one.network == own.network]
        if own.zone == self.fleet.province.management_zone and other.site:
            near.append(other.management)
        return (near or [other.interfaces[0].address])[0]

    @cached_property
    def management_prefixes(self) -> Prefixes:
        """The management zones of all sites."""
        return prefixes(self.management.values())

    @cached_property
    def station(self) -> tuple[IPv4Address, IPv6Address]:
        """The router of the primary site's management zone."""
        pair = self.management[self.fleet.primary_site.id]
        return pair.ipv4[1], pair.ipv6[1]

    def mirror(self, host: Host) -> NetworkPair:
        """Who serves packages to a host, by the environment's choice."""
        if self.fleet.environment.packages_from == "router":
            ipv4, ipv6 = self.station
            return NetworkPair(ipv4=IPv4Network(ipv4), ipv6=IPv6Network(ipv6))
        return single(self.address(self.with_duty(Duty.MIRROR, host)[0], host))

    @cached_property
    def bastions(self) -> tuple[NetworkPair, ...]:
        """The management addresses of the bastions of all sites."""
        return tuple(single(one.management) for one in self.site_hosts if one.host_class == "bastion")

    @cached_property
    def bastion_prefixes(self) -> Prefixes:
        """The same as prefixes."""
        return prefixes(self.bastions)

    def automation(self, host: Host) -> Prefixes:
        """Where the automation account comes from as a host sees it, by the environment's choice."""
        places = self.fleet.environment.automation_from
        bastions = self.bastions if "bastion" in places else ()
        station = [ip_network(address) for address in self.station] if "router" in places else []
        return prefixes([*bastions, *station, *self._runners(host)])

    def administrators(self, host: Host) -> Prefixes:
        """Where people come from: a bastion is entered from the management zones, every other host from a bastion."""
        return self.management_prefixes if host.host_class == "bastion" else self.bastion_prefixes

    def resolvers_outside(self, forward: ForwardZone) -> tuple[IPv4Address | IPv6Address, ...]:
        """Who is asked for the names of a zone that is not the province's; nobody as long as no address is known."""
        if forward.to == "router":
            return self.station
        host = self.fleet.endpoints[forward.to].host
        return (ip_address(host),) if host else ()

    def resolve(self, names: Iterable[str], host: Host) -> Prefixes:
        """The prefixes that names of peers stand for at a host.

        Raises ProvinceError for a zone that the host's place does not have.
        """
        wanted = tuple(names)
        own = host.site or any(name.startswith(ZONE) or name in OWN for name in wanted)
        key = (wanted, host.name if own else host.host_class)
        if key not in self._resolved:
            self._resolved[key] = prefixes(pair for name in wanted for pair in self._networks(name, host))
        return self._resolved[key]

    def _networks(self, name: str, host: Host) -> Iterable[NetworkPair | Network]:
        if name.startswith(ZONE):
            return (self._zone(name.removeprefix(ZONE), host),)
        if name.startswith(DOMAIN):
            return (self._domain(name.removeprefix(DOMAIN)),)
        return getattr(self, f"_{name.replace('-', '_')}")(host)  # type: ignore[no-any-return]

    def _zone(self, zone: str, host: Host) -> NetworkPair:
        own = {one.zone: one for one in host.interfaces}
        if zone in own:
            return of_interface(own[zone])
        raise ProvinceError(
            f"{host.name} is not connected to a zone {zone}",
            hint=f"its zones are {', '.join(filter(None, own))}",
            exit_code=ExitCode.BAD_DATA,
        )

    def _domain(self, domain: str) -> NetworkPair:
        known = self.fleet.province.addressing.bodies
        if domain in known:
            return known[RoutingDomain(domain)]
        raise ProvinceError(f"there is no routing domain {domain}", hint=f"known: {', '.join(known)}")

    def _any(self, _: Host) -> Iterable[NetworkPair]:
        return (EVERYBODY,)

    def _management(self, _: Host) -> Iterable[NetworkPair]:
        return self.management.values()

    def _services(self, host: Host) -> Iterable[NetworkPair]:
        return (single(self.address(one, host)) for one in self.site_hosts if one.host_class == "services")

    def _site(self, host: Host) -> Iterable[NetworkPair]:
        return (
            of_interface(interface)
            for one in self.fleet.hosts_of(host.site or self.fleet.primary_site.id)
            for interface in one.interfaces
            if interface.zone
        )

    def _zones(self, host: Host) -> Iterable[NetworkPair]:
        return (of_interface(interface) for interface in host.interfaces if interface.zone)

    def _doing_it(self, duty: Duty, host: Host) -> Iterable[NetworkPair]:
        return (single(self.address(one, host)) for one in self.site_hosts if duty in one.duties)

    def _resolvers(self, host: Host) -> Iterable[NetworkPair]:
        return self._doing_it(Duty.DNS, host)

    def _clocks(self, host: Host) -> Iterable[NetworkPair]:
        return self._doing_it(Duty.TIME, host)

    def _outside_clocks(self, host: Host) -> Iterable[Network]:
        return (ip_network(one.host) for one in references(self.fleet, host) if one.host)

    def _runners(self, host: Host) -> Iterable[NetworkPair]:
        """The nodes whose pods run shards of roll-outs: a pod comes with the address by which its node leaves.

        To sites that is the one in the management zone, to communes the first one (`view._routes`).
        """
        if CLUSTER not in self.fleet.environment.automation_from:
            return ()
        sites = (site for site in self.fleet.data_centres if site.cluster and site.cluster.run_store)
        nodes = (node for site in sites for node in runner_nodes(self.fleet, site))
        return (single(node.management if host.site else node.interfaces[0].address) for node in nodes)

    def _registries(self, host: Host) -> Iterable[NetworkPair]:
        return self._doing_it(Duty.REGISTRY, host)

    def _entrances(self, _: Host) -> Iterable[NetworkPair]:
        """Where users reach the systems of every site."""
        return (single(door) for site in self.fleet.data_centres for door in entrances(self.fleet, site))

    def _cluster_nodes(self, _: Host) -> Iterable[NetworkPair]:
        """The nodes of every site's cluster, each with all of its addresses."""
        return (
            single(interface.address)
            for one in self.site_hosts
            if one.host_class in NODE_CLASSES
            for interface in one.interfaces
        )

    def _outside_resolvers(self, _: Host) -> Iterable[Network]:
        zones = self.fleet.environment.forward_zones
        return (ip_network(address) for one in zones for address in self.resolvers_outside(one))

    def _sites(self, _: Host) -> Iterable[NetworkPair]:
        return (self.fleet.province.addressing.sites,)

    def _nodes(self, _: Host) -> Iterable[NetworkPair]:
        plan = self.fleet.province.addressing
        return (plan.underlays[self.fleet.province.leased_path.id], *plan.bodies.values())

    def _gateways(self, _: Host) -> Iterable[NetworkPair]:
        """Where the gateways' tunnels end: their addresses on the underlays."""
        return (
            single(interface.address)
            for one in self.site_hosts
            if one.host_class == "gateway"
            for interface in one.interfaces
            if interface.zone is None
        )

    def _tunnels(self, _: Host) -> Iterable[NetworkPair]:
        return (self.fleet.province.addressing.tunnels,)

    def _mirror(self, host: Host) -> Iterable[NetworkPair]:
        return (self.mirror(host),)

    def _pods(self, host: Host) -> Iterable[NetworkPair]:
        cluster = self.fleet.sites[host.site].cluster if host.site else None
        return (NetworkPair(ipv4=cluster.pods, ipv6=cluster.pods_v6),) if cluster else ()


@cache
def peers_of(fleet: Fleet) -> Peers:
    """The peers of a fleet, shared by all who ask, and by processes that are forked from this one."""
    return Peers(fleet)
