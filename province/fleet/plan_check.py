"""What must be true of a province's networks as they are planned: ranges, zones, underlays, paths, routing domains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from province.fleet.findings import Finding
from province.fleet.province import Province
from province.fleet.references import unresolved
from province.fleet.site import HostRole


def check_plan(province: Province, file: str) -> Iterator[Finding]:
    """Ranges of the plan must not overlap, and layouts must name zones and underlays that exist."""
    plan = province.addressing
    ranges = {
        **{f"bodies.{name}": pair for name, pair in plan.bodies.items()},
        **{f"underlays.{name}": pair for name, pair in plan.underlays.items()},
        "sites": plan.sites,
        "tunnels": plan.tunnels,
    }
    names = sorted(ranges)
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            if ranges[one].ipv4.overlaps(ranges[other].ipv4) or ranges[one].ipv6.overlaps(ranges[other].ipv6):
                yield Finding(
                    file,
                    f"addressing.{one}",
                    str(ranges[one].ipv4),
                    f"overlaps {other}",
                    "give each range its own",
                )
    zones = [zone.id for zone in province.site_zones]
    for role, layout in province.roles.items():
        for zone in layout.zones:
            yield from unresolved(file, f"roles.{role}.zones", zone, zones, "zone")
    for role, layout in province.roles.items():
        for underlay in layout.underlays:
            yield from unresolved(file, f"roles.{role}.underlays", underlay, plan.underlays, "underlay")
    yield from _commune_zones(province, file)
    yield from _paths(province, file)
    for body in province.bodies.values():
        if body.routing_domain not in plan.bodies:
            yield Finding(file, "addressing.bodies", body.routing_domain, "has no range", "add the domain's range")
    everywhere = {zone.id for zone in province.commune_zones} & set(zones)
    yield from unresolved(file, "management_zone", province.management_zone, everywhere, "zone")


def _paths(province: Province, file: str) -> Iterator[Finding]:
    """Every path starts on an underlay, arrives at one of the gateways', and one of them is the leased line."""
    for path in province.edge_paths:
        yield from unresolved(file, f"edge_paths.{path.id}.id", path.id, province.addressing.underlays, "underlay")
        arrivals = province.roles[HostRole.GATEWAY].underlays
        yield from unresolved(file, f"edge_paths.{path.id}.arrives", path.arrives, arrivals, "underlay of the gateways")
    leased = [path.id for path in province.edge_paths if path.backup is None]
    if leased != [province.edge_paths[0].id]:
        mend = "the leased line comes first and is the only path without `backup`"
        yield Finding(file, "edge_paths", ", ".join(leased), "must begin with the one leased line", mend)
    for body in province.bodies.values():
        yield from unresolved(file, "domains", body.routing_domain, province.domains, "routing domain")
    tags = Counter(domain.tag for domain in province.domains.values())
    for tag in (tag for tag, count in tags.items() if count > 1):
        yield Finding(file, "domains.tag", tag, "two domains share it", "give each domain a tag of its own")


def _commune_zones(province: Province, file: str) -> Iterator[Finding]:
    """No two zones of a commune share a name or a VLAN, else they would be one."""
    for key in ("id", "vlan"):
        claims = Counter(getattr(zone, key) for zone in province.commune_zones)
        for claim in (claim for claim, count in claims.items() if count > 1):
            yield Finding(file, f"commune_zones.{key}", str(claim), "two zones share it", "give each zone its own")
    for zone in province.commune_zones:
        if zone.neighbours is not None:
            # Whoever is on a public network is nobody's neighbour.
            others = [one.id for one in province.commune_zones if one is not zone and not one.internet]
            for name in zone.neighbours.zones:
                yield from unresolved(file, f"commune_zones.{zone.id}.neighbours.from", name, others, "closed zone")
