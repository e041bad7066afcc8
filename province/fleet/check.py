"""What must be true across files: counts, references, addresses, waves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from province.fleet.calendar import check_freezes
from province.fleet.capacity import check_capacity
from province.fleet.cluster_plan import check_clusters
from province.fleet.commune import Commune, CommuneKind
from province.fleet.control import check_controls
from province.fleet.counter import check_counter
from province.fleet.decommissioned import check_decommissioned
from province.fleet.endpoint import Protocol, check_endpoints, unconfirmed
from province.fleet.fact import Body
from province.fleet.feature import check_features
from province.fleet.fence import check_fences
from province.fleet.findings import Finding
from province.fleet.flows import check_systems
from province.fleet.meeting_rooms import check_meeting_rooms
from province.fleet.migration import check_migration
from province.fleet.objective import check_objectives
from province.fleet.plan_check import check_plan
from province.fleet.policy import check_policy
from province.fleet.public_names_check import check_public_names
from province.fleet.references import check_references, unresolved
from province.fleet.register import check_registers
from province.fleet.rooms import check_rooms
from province.fleet.secret import check_secrets, references
from province.fleet.sensors import check_sensors
from province.fleet.site import Site, SitePurpose
from province.fleet.sizing import check_sizing
from province.fleet.time_sources import check_time
from province.fleet.traffic import check_traffic
from province.fleet.tunnels import check_room
from province.fleet.updates import check_updates
from province.fleet.video import check_video
from province.fleet.work_record import check_work_records

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

REVIEW_DUE = timedelta(days=366)


def check_fleet(fleet: Fleet, declared_sites: Mapping[str, Site]) -> list[Finding]:
    """Every finding on a fleet whose files are each valid by themselves."""
    findings = [
        *_units(fleet),
        *_names(fleet),
        *_sites(fleet),
        *check_fences(fleet),
        *check_clusters(fleet),
        *_overlay(fleet, declared_sites),
        *check_plan(fleet.province, fleet.origins["province"]),
        *_catalogue(fleet),
    ]
    if not findings:
        findings += [*_addresses(fleet), *_waves(fleet)]
    if not findings:
        findings += check_room(fleet.province, len(fleet.nodes), fleet.origins["province"])
        findings += check_updates(fleet)
        findings += check_time(fleet)
        findings += check_decommissioned(fleet)
    if not findings:
        findings += check_sizing(fleet) or check_capacity(fleet)
    return findings


def blockers(fleet: Fleet, today: date) -> list[Finding]:
    """What keeps an environment that requires verified facts from being applied; empty for the others.

    Address records are due for review after a year (Circular 19/2023/TT-BTTTT, through source V4).
    """
    if not fleet.environment.requires_verified:
        return []
    found = unconfirmed(fleet.endpoints, fleet.origins)
    if fleet.province.addressing.documentation:
        found.append(
            Finding(
                fleet.origins["province"],
                "addressing.documentation",
                "true",
                "addresses are those of the documentation plan",
                f"put the real plan into {fleet.environment.id}/{fleet.environment.address_overlay}",
            )
        )
    reviewed = fleet.province.addressing.review.reviewed_on
    if today - reviewed > REVIEW_DUE:
        mend = "review the addresses with the network's operator, then write down the day"
        found.append(
            Finding(
                fleet.origins["province"], "addressing.review.reviewed_on", str(reviewed), "older than a year", mend
            )
        )
    return found


def _catalogue(fleet: Fleet) -> Iterator[Finding]:
    """Systems, registers and controls among themselves, and every name that any fact uses for another."""
    yield from check_references(fleet.declarations, owners=fleet.owners, sources=fleet.sources, features=fleet.features)
    commune_zones = {zone.id for zone in fleet.province.commune_zones}
    yield from check_systems(
        fleet.systems,
        endpoints=fleet.endpoints,
        tiers=fleet.tiers,
        zones=commune_zones | {zone.id for zone in fleet.province.site_zones},
        features=fleet.features,
        origins=fleet.origins,
    )
    yield from check_public_names(fleet)
    yield from check_objectives({**fleet.systems, **fleet.platform}, fleet.tiers, fleet.origins)
    yield from check_rooms(fleet.systems, fleet.platform, fleet.origins)
    yield from check_endpoints(
        fleet.endpoints,
        zones=[zone.id for zone in fleet.province.site_zones],
        features=fleet.features,
        origins=fleet.origins,
    )
    yield from check_traffic(
        fleet.province.traffic, zones=commune_zones, systems=fleet.systems, file=fleet.origins["province"]
    )
    yield from check_features(fleet.features, _file_of(fleet, "features"))
    standards = {row.id: row.version for row in fleet.registers.standards.rows}
    yield from check_controls(fleet.controls, standards=standards, file=_file_of(fleet, "controls"))
    yield from check_registers(
        fleet.registers,
        communes=fleet.communes,
        zones=commune_zones,
        origins=fleet.origins,
    )
    yield from check_sensors(
        fleet.province.sensors,
        fleet.registers.devices.rows,
        communes=fleet.communes,
        zones={zone.id: zone.ipv4_prefix for zone in fleet.province.commune_zones},
        file=fleet.origins["registers/devices"],
        province_file=fleet.origins["province"],
    )
    yield from check_video(fleet)
    yield from check_meeting_rooms(
        fleet.registers.meeting_rooms.rows,
        most=fleet.province.video.room_endpoints,
        communes=fleet.communes,
        file=fleet.origins["registers/meeting-rooms"],
    )
    yield from check_counter(fleet)
    yield from check_migration(fleet)
    yield from check_work_records(
        fleet.registers.work_records.rows,
        controls=fleet.controls,
        file=fleet.origins["registers/work-records"],
    )
    yield from check_secrets(fleet.registers.secrets.rows, references(fleet.declarations))
    yield from check_freezes(fleet.registers.freezes.rows, fleet.owners, fleet.origins)
    yield from check_policy(
        fleet.registers.policy_exceptions.rows,
        fleet.registers.project06_approvals.rows,
        systems=fleet.systems,
        origins=fleet.origins,
    )


def _units(fleet: Fleet) -> Iterator[Finding]:
    province = fleet.province
    file = fleet.origins["province"]
    counted = Counter(commune.kind for commune in fleet.communes.values())
    for kind in CommuneKind:
        expected = province.units.get(kind, 0)
        if counted[kind] != expected:
            yield Finding(
                file,
                f"units.{kind}",
                str(expected),
                f"there are {counted[kind]} files of this kind in communes/",
                "add or remove commune files, or correct the number",
            )
    for code, commune in fleet.communes.items():
        if any(word in commune.slug.split("-") for word in ("huyen", "quan", "thi-xa")):
            yield _at(fleet, f"communes/{code}", "name", commune.name, "is a district", "no district level exists")
    for body in Body:
        if body not in province.bodies:
            yield Finding(file, "bodies", body, "a body is missing", "every commune has both bodies")


def _names(fleet: Fleet) -> Iterator[Finding]:
    """Short names make host names, so two communes cannot share one."""
    owner: dict[str, Commune] = {}
    for code, commune in sorted(fleet.communes.items()):
        if commune.short in owner:
            yield _at(
                fleet,
                f"communes/{code}",
                "name",
                commune.name,
                f"makes the same host names as {owner[commune.short].name}",
                "tell the two apart in their names",
            )
        owner.setdefault(commune.short, commune)


def _sites(fleet: Fleet) -> Iterator[Finding]:
    purposes = Counter(site.purpose for site in fleet.sites.values())
    if purposes[SitePurpose.PRIMARY] != 1:
        yield Finding("sites/", "purpose", "", "there must be exactly one primary site", "correct the purposes")
    for site in fleet.sites.values():
        shared = [route for route, count in Counter(link.route for link in site.uplinks).items() if count > 1]
        for route in shared:
            yield _at(
                fleet,
                f"sites/{site.id}",
                "uplinks.route",
                route,
                "two uplinks share a route",
                "one cut would take both; lease a path that is physically different",
            )
        if site.is_data_centre and len(site.uplinks) < 2:
            yield _at(fleet, f"sites/{site.id}", "uplinks", "", "needs two level-I paths", "declare the second")
        if site.hosts and site.cluster is None and site.is_data_centre:
            yield _at(fleet, f"sites/{site.id}", "cluster", "", "missing", "declare the site's cluster")


def _overlay(fleet: Fleet, declared_sites: Mapping[str, Site]) -> Iterator[Finding]:
    file = f"{fleet.root.name}/{fleet.environment.id}/environment.yml"
    for name in fleet.environment.sites:
        yield from unresolved(file, "sites", name, declared_sites, "site")
    resolvers = ["router", *(id_ for id_, one in fleet.endpoints.items() if one.protocol is Protocol.DNS)]
    for forward in fleet.environment.forward_zones:
        yield from unresolved(file, f"forward_zones.{forward.zone}.to", forward.to, resolvers, "endpoint that is asked")
    moves = fleet.migration.moves if fleet.migration else {}
    sides = ("buckets", "databases", "folders", "mailboxes", "queues", "standbys", "services", "names")
    for key in (f"old_{one}" for one in sides):
        for name in getattr(fleet.environment, key):
            yield from unresolved(file, key, name, moves, "move")
    servers = Counter(one.target for one in fleet.environment.old_mailboxes.values())
    for target in (one for one, many in servers.items() if many > 1):
        mend = "a server takes mail or refuses it as a whole: give each move its own behind the common entrance"
        yield Finding(file, "old_mailboxes", target, "two moves go there", mend)
    buckets = Counter((one.target, one.new_bucket) for one in fleet.environment.old_buckets.values())
    for (target, bucket), many in buckets.items():
        if many > 1:
            yield Finding(file, "old_buckets", f"{target} {bucket}", "two moves go there", "give each its own bucket")
    if fleet.environment.communes != "all":
        for code in fleet.environment.communes:
            yield from unresolved(file, "communes", code, fleet.communes, "commune")


def _addresses(fleet: Fleet) -> Iterator[Finding]:
    """No address and no zone prefix stands twice, over all nodes and hosts."""
    file = fleet.origins["province"]
    seen: dict[object, str] = {}
    try:
        hosts = [*fleet.nodes, *fleet.hosts.values()]
    except ValueError as error:
        yield Finding(file, "addressing", "", str(error), "widen the range or shorten the prefixes")
        return
    for host in {host.name: host for host in hosts}.values():
        for interface in host.interfaces:
            for address in interface.address.plain:
                if address in seen:
                    yield Finding(
                        file,
                        "addressing",
                        str(address),
                        f"{host.name} and {seen[address]} share it",
                        "correct the plan",
                    )
                seen[address] = host.name


def _waves(fleet: Fleet) -> Iterator[Finding]:
    file = fleet.origins["province"]
    for wave in fleet.waves:
        twice = [code for code, count in Counter(code for code, _ in wave.nodes).items() if count > 1]
        for code in twice:
            yield Finding(
                file, "rollout.stages", wave.stage, f"both bodies of {code} are in it", "make the stage smaller"
            )
    expected = len(fleet.communes) * len(Body)
    planned = sum(len(wave.nodes) for wave in fleet.waves)
    if planned != expected:
        yield Finding(
            file, "rollout.stages", "", f"{planned} nodes in waves instead of {expected}", "correct the stages"
        )


def _file_of(fleet: Fleet, collection: str) -> str:
    """The file of a collection that one file holds."""
    return next((file for key, file in fleet.origins.items() if key.startswith(f"{collection}/")), collection)


def _at(fleet: Fleet, origin: str, key: str, value: str, problem: str, mend: str) -> Finding:
    return Finding(fleet.origins.get(origin, origin), key, value, problem, mend)
