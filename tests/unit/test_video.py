"""Video of the model: a profile that fits the line, ports for every room, passages to relays and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from province.fleet.connections import connections_at
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.requests import pods_of
from province.fleet.site import Duty
from province.fleet.video import leased_mbps, line_kbps
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.manifest.view import host_facts

PLAN = "fleet/province.yml"
MEETINGS = "fleet/systems/meetings.yml"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


@pytest.fixture(scope="module")
def builder(fleet: Fleet) -> Builder:
    return Builder(fleet, stand_in(fleet))


def test_every_line_carries_the_call_of_its_room(fleet: Fleet) -> None:
    """204 rooms; the two on 6 Mbps call at half the rate, which is less than what video has there for itself."""
    rooms = {node.name: cast("Any", host_facts(fleet, node)["video_rooms"]) for node in fleet.nodes}
    assert len(rooms) == 204
    thin = set()
    for name, (room,) in rooms.items():
        kbps, mbps = room["plan"]["room"]["kbps"], leased_mbps(fleet.hosts[name])
        assert mbps is not None
        assert kbps <= line_kbps(fleet, mbps)
        if kbps == 1000:
            thin.add(name)
    assert thin == {"phu-quoc-party", "phu-quoc-people"}


def test_no_two_nodes_try_relays_out_in_the_same_second(fleet: Fleet) -> None:
    """204 nodes in 900 seconds: four seconds for each."""
    seen = {host_facts(fleet, node)["video_rooms"][0]["calendar"] for node in fleet.nodes}  # type: ignore[index]
    assert len(seen) == len(fleet.nodes)


def test_rooms_reach_relays_of_both_sites_and_relays_reach_the_bridge(fleet: Fleet, builder: Builder) -> None:
    """Only from the zone of video; a relay's lists name itself and the entrances, and all else is refused."""
    relays = [host for host in fleet.hosts.values() if Duty.VIDEO in host.duties]
    assert {host.site for host in relays} == {"rach-gia", "long-xuyen"}
    addresses = {str(host.interfaces[0].address.plain[0]) for host in relays}
    passages = host_facts(fleet, fleet.hosts["phu-quoc-people"])["passages"]
    to_relays = [one for one in passages if one["ipv4"] in addresses]  # type: ignore[attr-defined]
    assert {(one["zone"], one["protocol"], one["port"], one["traffic"]) for one in to_relays} == {
        ("video", "udp", 3478, "video"),
        ("video", "tcp", 5349, "video"),
    }
    assert {one["ipv4"] for one in to_relays} == addresses
    manifest = builder.build(relays[0])
    conf = manifest.files["/etc/video/turnserver.conf"].content.splitlines()
    entrances = {
        str(a) for h in fleet.hosts.values() if h.host_class == "ingress" for a in h.interfaces[0].address.plain
    }
    allowed = {line.split("=")[1] for line in conf if line.startswith("allowed-peer-ip=")}
    assert allowed == entrances | set(map(str, relays[0].interfaces[0].address.plain))
    assert {"denied-peer-ip=0.0.0.0-255.255.255.255", "use-auth-secret", "secure-stun"} <= set(conf)
    assert not [line for line in conf if "static-auth-secret" in line or line in {"no-auth", "allow-loopback-peers"}]
    assert "coturn" in manifest.packages
    assert manifest.units["coturn.service"].state == "stopped"
    sends = {(one.protocol, one.port, one.to) for one in manifest.sends if one.capability == "video"}
    assert sends == {("udp", 3478, ("cluster-nodes",))}


def test_the_firewall_keeps_the_relay_s_account_from_the_host_s_own_services(fleet: Fleet, builder: Builder) -> None:
    """Before everything on loopback is let through."""
    rules = builder.build(fleet.hosts["rach-gia-services-1"]).files["/etc/nftables.conf"].content
    rule = "oif lo meta skuid 840 udp dport != 49152-57343 counter drop"
    assert rule in rules
    assert rules.index(rule) < rules.index("oif lo accept")
    assert "skuid" not in builder.build(fleet.hosts["rach-gia-gateway-1"]).files["/etc/nftables.conf"].content


def test_what_hosts_serve_is_no_pod_and_has_no_door_in_the_cluster(fleet: Fleet) -> None:
    meetings = fleet.systems["meetings"]
    assert not {"turn", "turn-tls"} & {pods.component for pods in pods_of(fleet, meetings)}
    site = fleet.primary_site
    ends = [one for one in connections_at(fleet, site) if one.target.room == "meetings"]
    assert not [one for one in ends if {"turn", "turn-tls"} & {one.target.component, one.origin.component}]


def test_the_door_knows_nodes_and_nobody_else(fleet: Fleet, builder: Builder) -> None:
    door = json.loads(builder.build(fleet.hosts["long-xuyen-services-2"]).files["/etc/video/door.json"].content)
    assert set(door["nodes"].values()) == {node.name for node in fleet.nodes}


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (PLAN, "  last_port: 57343", "  last_port: 51000", "1849 ports for 2040 allocations of 204 rooms"),
        (PLAN, "  last_port: 57343", "  last_port: 49151", "last_port 49151 comes before first_port 49152"),
        (
            PLAN,
            "above_mbps: 0,  kbps: 1000",
            "above_mbps: 0,  kbps: 3000",
            "on a line of 6 Mbps video has 2160 kbit/s",
        ),
        (PLAN, "above_mbps: 0,  kbps", "above_mbps: 5,  kbps", "the first is for lines above 0 Mbps"),
        (PLAN, "try_minutes: 15", "try_minutes: 7", "try_minutes 7 does not divide an hour"),
        (PLAN, "video:\n  zone: video\n", "video:\n  zone: vdeo\n", 'did you mean "video"?'),
        (MEETINGS, "duty: video, port: 5349}", "duty: sensors, port: 5349}", "a relay has one port of each protocol"),
        (
            MEETINGS,
            "kind: hosts, duty: video, port: 5349}",
            "kind: hosts, port: 5349}",
            "and no other, says its `duty`",
        ),
    ],
)
def test_what_is_wrong_is_said_once(data: Path, file: str, old: str, new: str, problem: str) -> None:
    path = data / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadData) as error:
        load_fleet("production", data)
    assert problem in str(error.value), str(error.value)
