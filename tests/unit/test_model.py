"""The real data is complete, and the counts that the mission names are exact."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from ipaddress import IPv4Network
from itertools import combinations, pairwise

import pytest

from province.fleet.check import blockers
from province.fleet.commune import BackupKind
from province.fleet.fact import Body, RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.site import SitePurpose


@pytest.mark.proves("communes", 22, 23, 95)
def test_there_are_102_communes_of_three_kinds(fleet: Fleet) -> None:
    kinds = Counter(str(commune.kind) for commune in fleet.communes.values())
    assert kinds == {"xã": 85, "phường": 14, "đặc khu": 3}


@pytest.mark.proves(2, 21, 22, 23)
def test_every_commune_has_a_node_a_line_and_a_video_zone_for_each_body(fleet: Fleet) -> None:
    assert len(fleet.nodes) == 204
    assert {(node.commune, node.body) for node in fleet.nodes} == {
        (code, body) for code in fleet.communes for body in Body
    }
    assert sum(node.interface("tslcd").mbps is not None for node in fleet.nodes) == 204
    assert sum(interface.zone == "video" for node in fleet.nodes for interface in node.interfaces) == 204


def test_six_communes_are_islands(fleet: Fleet) -> None:
    islands = {commune.name for commune in fleet.communes.values() if commune.location.island}
    assert islands == {
        "Xã Tiên Hải",
        "Xã Sơn Hải",
        "Xã Hòn Nghệ",
        "Đặc khu Phú Quốc",
        "Đặc khu Thổ Châu",
        "Đặc khu Kiên Hải",
    }


@pytest.mark.proves(84, 87)
def test_phu_quoc_has_a_thin_line_and_a_fast_backup(fleet: Fleet) -> None:
    commune = fleet.communes["31078"]
    assert (commune.lines.party.mbps, commune.lines.people.mbps) == (6, 6)
    assert (commune.backups[0].kind, commune.backups[0].mbps) == (BackupKind.INTERNET, 400)
    thin = [one.name for one in fleet.communes.values() if one.lines.people.mbps < 200]
    assert thin == ["Đặc khu Phú Quốc"]


def test_every_commune_has_internet_and_cellular_as_backup(fleet: Fleet) -> None:
    for commune in fleet.communes.values():
        assert {BackupKind.INTERNET, BackupKind.CELLULAR} <= {backup.kind for backup in commune.backups}


@pytest.mark.proves("sites", 29, 31, 32, 37, 97)
def test_sites_have_their_purposes(fleet: Fleet) -> None:
    purposes = {site.id: site.purpose for site in fleet.sites.values()}
    assert purposes == {
        "rach-gia": SitePurpose.PRIMARY,
        "long-xuyen": SitePurpose.RECOVERY,
        "legacy-an-giang": SitePurpose.MIGRATION_SOURCE,
        "legacy-kien-giang": SitePurpose.MIGRATION_SOURCE,
        "national-data-centre": SitePurpose.NATIONAL,
        "high-performance": SitePurpose.HIGH_PERFORMANCE,
    }


def test_recovery_has_sixty_percent_of_the_workers(fleet: Fleet) -> None:
    workers = Counter(host.site for host in fleet.hosts.values() if host.host_class == "worker")
    assert workers["long-xuyen"] == round(0.6 * workers["rach-gia"] + 0.5)
    control_planes = Counter(host.site for host in fleet.hosts.values() if host.host_class == "control-plane")
    assert set(control_planes.values()) == {3}


@pytest.mark.proves(88, 89)
def test_the_uplinks_of_a_site_never_share_a_route(fleet: Fleet) -> None:
    for site in fleet.data_centres:
        assert len({uplink.route for uplink in site.uplinks}) == len(site.uplinks) >= 2


def test_no_two_prefixes_overlap(fleet: Fleet) -> None:
    prefixes = {
        interface.address.ipv4.network
        for host in (*fleet.nodes, *fleet.hosts.values())
        for interface in host.interfaces
        if interface.zone
    }
    ordered = sorted(prefixes)
    assert not [pair for pair in pairwise(ordered) if pair[0].overlaps(pair[1])]


@pytest.mark.proves(10)
def test_routing_domains_share_no_address(fleet: Fleet) -> None:
    plan = fleet.province.addressing
    for one, other in combinations(RoutingDomain, 2):
        assert not plan.bodies[one].ipv4.overlaps(plan.bodies[other].ipv4)
    for node in fleet.nodes:
        domain = plan.bodies[fleet.province.bodies[node.body or Body.PARTY].routing_domain]
        for interface in node.interfaces:
            if interface.zone:
                assert interface.address.ipv4 in domain.ipv4
                assert interface.address.ipv6 in domain.ipv6


def test_addresses_follow_the_sorted_codes(fleet: Fleet) -> None:
    first, last = min(fleet.communes), max(fleet.communes)
    by_place = {(node.commune, node.body): node for node in fleet.nodes}
    assert by_place[first, Body.PEOPLE].interface("users").address.ipv4.network == IPv4Network("198.18.0.0/26")
    assert by_place[last, Body.PEOPLE].interface("users").address.ipv4.network == IPv4Network("198.18.101.0/26")
    assert by_place[first, Body.PARTY].interface("users").address.ipv4.network == IPv4Network("198.18.128.0/26")
    assert str(by_place[last, Body.PARTY].interface("users").address.ipv6) == "2001:db8:2:6500::1/64"


def test_a_missing_wifi_zone_keeps_its_place_in_the_plan(fleet: Fleet) -> None:
    by_name = {node.name: node for node in fleet.nodes}
    with_wifi, without = by_name["phu-quoc-people"], by_name["tho-chau-people"]
    assert "wifi" in {interface.device for interface in with_wifi.interfaces}
    assert "wifi" not in {interface.device for interface in without.interfaces}
    offsets = {
        int(node.interface("management").address.ipv4.ip) - int(node.interface("users").address.ipv4.ip)
        for node in (with_wifi, without)
    }
    assert len(offsets) == 1


def test_waves_keep_bodies_apart_and_islands_last(fleet: Fleet) -> None:
    sizes = {wave.stage: len(wave.nodes) for wave in fleet.waves}
    assert (sizes["canary"], sizes["early"], sizes["broad"]) == (2, 11, 51)
    assert sum(sizes.values()) == 204
    island_waves = set()
    for wave in fleet.waves:
        codes = [code for code, _ in wave.nodes]
        assert len(codes) == len(set(codes))
        if any(fleet.communes[code].location.island for code in codes):
            island_waves.add(wave.number)
    assert island_waves == {wave.number for wave in fleet.waves[-2:]}


def test_addresses_that_nobody_reviewed_for_a_year_block_production(fleet: Fleet) -> None:
    reviewed = fleet.province.addressing.review.reviewed_on
    fresh = {finding.key for finding in blockers(fleet, reviewed + timedelta(days=366))}
    stale = {finding.key for finding in blockers(fleet, reviewed + timedelta(days=367))}
    assert stale - fresh == {"addressing.review.reviewed_on"}


def test_host_names_are_unique_and_computed(fleet: Fleet) -> None:
    names = [host.name for host in (*fleet.nodes, *(h for h in fleet.hosts.values() if h.site))]
    assert len(names) == len(set(names))
    assert {"phu-quoc-party", "rach-gia-control-plane-3", "long-xuyen-gateway-2"} <= set(names)
