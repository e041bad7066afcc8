"""The fleet: all facts of a province in one immutable value, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from province.fleet.addressing import Subnet, site_prefix
from province.fleet.assumption import Assumptions
from province.fleet.commune import Commune
from province.fleet.control import Control
from province.fleet.decommissioned import Decommissioned
from province.fleet.endpoint import Endpoint
from province.fleet.environment import Environment
from province.fleet.fact import Fact
from province.fleet.feature import Feature
from province.fleet.fence import Fence
from province.fleet.hosts import Host, edge_nodes, site_hosts
from province.fleet.layer import MIGRATION, PLATFORM, SYSTEMS
from province.fleet.migration import Migration
from province.fleet.province import Province
from province.fleet.references import Declaration
from province.fleet.register import Registers
from province.fleet.rooms import MOVES
from province.fleet.site import Site, SitePurpose
from province.fleet.source import Source
from province.fleet.system import System
from province.fleet.tier import Owner, Tier
from province.fleet.tunnels import Tunnel, plan_tunnels
from province.fleet.waves import Wave, plan_waves, wave_numbers


@dataclass(frozen=True, eq=False)
class Fleet:
    """Everything that is declared, as one environment sees it. Each is itself alone: what follows from it is cached."""

    root: Path
    province: Province
    environment: Environment
    communes: Mapping[str, Commune]
    sites: Mapping[str, Site]
    systems: Mapping[str, System]
    platform: Mapping[str, System]
    """What the clusters run for all systems; each has a room and an owner like any system."""
    endpoints: Mapping[str, Endpoint]
    owners: Mapping[str, Owner]
    tiers: Mapping[str, Tier]
    sources: Mapping[str, Source]
    features: Mapping[int, Feature]
    controls: Mapping[int, Control]
    registers: Registers
    assumptions: Assumptions
    migration: Migration | None
    """The move of old machine rooms; None for a province that moves none."""
    origins: Mapping[str, str]
    """Where each object is declared: `collection/id` → file, relative to the inventories' folder."""
    fences: Mapping[str, Fence] = field(default_factory=lambda: MappingProxyType({}))
    """Sites that stand and must not serve, by site."""
    decommissioned: Mapping[str, Decommissioned] = field(default_factory=lambda: MappingProxyType({}))
    """Hosts that left for good, by name: they keep their place in the ranks, and nobody runs them."""

    @cached_property
    def waves(self) -> tuple[Wave, ...]:
        """The stages of a roll-out over all nodes of the province."""
        return plan_waves(self.communes, self.province.rollout.stages)

    @cached_property
    def nodes(self) -> tuple[Host, ...]:
        """The edge nodes of all communes, whether the environment runs them or not."""
        return tuple(edge_nodes(self.province, self.communes, wave_numbers(self.waves)))

    @cached_property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts that this environment runs, by name: its communes' nodes and its sites' hosts."""
        chosen = self.environment.communes
        nodes = [node for node in self.nodes if chosen == "all" or node.commune in chosen]
        found = [*nodes, *site_hosts(self.province, self.sites.values())]
        return MappingProxyType({host.name: host for host in found if host.name not in self.decommissioned})

    @cached_property
    def tunnels(self) -> tuple[Tunnel, ...]:
        """The tunnels of the nodes that this environment runs, node by node, in order of preference."""
        nodes = [host for host in self.hosts.values() if host.host_class == "edge"]
        return tuple(plan_tunnels(self.province, nodes, self.hosts.values(), self.primary_site.id))

    def tunnels_of(self, host: str) -> tuple[Tunnel, ...]:
        """The tunnels that begin or end at a host."""
        return self._tunnels_by_host.get(host, ())

    @cached_property
    def _tunnels_by_host(self) -> Mapping[str, tuple[Tunnel, ...]]:
        found: dict[str, list[Tunnel]] = {}
        for tunnel in self.tunnels:
            found.setdefault(tunnel.node, []).append(tunnel)
            found.setdefault(tunnel.gateway, []).append(tunnel)
        return {host: tuple(tunnels) for host, tunnels in found.items()}

    @cached_property
    def site_prefixes(self) -> Mapping[str, Subnet]:
        """The prefix of every site that has hosts, in the order that the hosts' addresses use."""
        ranked = sorted(site.id for site in self.sites.values() if site.hosts)
        plan = self.province.addressing
        return MappingProxyType({site: site_prefix(plan, rank) for rank, site in enumerate(ranked)})

    @property
    def primary_site(self) -> Site:
        """The site where everything runs that runs once."""
        return next(site for site in self.sites.values() if site.purpose is SitePurpose.PRIMARY)

    @property
    def data_centres(self) -> tuple[Site, ...]:
        """The sites with hosts of ours, the primary one first."""
        found = [site for site in self.sites.values() if site.is_data_centre]
        return tuple(sorted(found, key=lambda site: site.purpose is not SitePurpose.PRIMARY))

    def hosts_of(self, site: str) -> Iterator[Host]:
        """The hosts at one site."""
        return (host for host in self.hosts.values() if host.site == site)

    def systems_at(self, site: Site) -> tuple[System, ...]:
        """The systems that have their room in a site's cluster, by id."""
        return self._placed(self.systems, site)

    def rooms_at(self, site: Site, layer: str) -> tuple[System, ...]:
        """The systems whose rooms one layer of a site's cluster holds, by id; none for the layer below all rooms."""
        if layer in {PLATFORM, MIGRATION}:
            engine = site.cluster.network_engine if site.cluster else None
            parts = (part for part in self._placed(self.platform, site) if part.network_engine in {None, engine})
            return tuple(part for part in parts if (part.id == MOVES) is (layer == MIGRATION))
        return tuple(system for system in self.systems_at(site) if system.pillar is SYSTEMS.get(layer))

    def origin_of(self, system: System) -> str:
        """The file in which a system, or a part of the platform, is declared."""
        collection = "platform" if system.id in self.platform else "systems"
        return self.origins[f"{collection}/{system.id}"]

    def _placed(self, systems: Mapping[str, System], site: Site) -> tuple[System, ...]:
        return tuple(
            system for system in systems.values() if system.has_room and site.purpose in system.placed_in(self.tiers)
        )

    @cached_property
    def declarations(self) -> tuple[Declaration, ...]:
        """Every object of the model with the place where it is declared."""
        collections: dict[str, Mapping[Any, Fact]] = {
            "communes": self.communes,
            "sites": self.sites,
            "systems": self.systems,
            "platform": self.platform,
            "endpoints": self.endpoints,
            "owners": self.owners,
            "tiers": self.tiers,
            "sources": self.sources,
            "features": self.features,
            "controls": self.controls,
            "registers": self.registers.by_name(),
        }
        if plan := self.migration:
            collections |= {"old-hosts": plan.hosts, "moves": plan.moves, "migration-waves": plan.waves}
        found = [
            Declaration(collection, str(key), self.origins[f"{collection}/{key}"], fact)
            for collection, facts in collections.items()
            for key, fact in facts.items()
        ]
        alone: tuple[tuple[str, str, Fact], ...] = (
            ("province", self.province.id, self.province),
            ("assumptions", "assumptions", self.assumptions),
        )
        return (*(Declaration(name, id_, self.origins[name], fact) for name, id_, fact in alone), *found)
