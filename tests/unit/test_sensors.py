"""Sensors of the model: queues that outlast a cut, rights by declared devices alone, a zone that leads to the sites."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from province.fleet.fact import RoutingDomain
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.sensors import Sensors, devices_at_most
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import stand_in
from province.manifest.view import host_facts

DEVICES = "fleet/registers/devices.yml"
PLAN = "fleet/province.yml"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


@pytest.fixture(scope="module")
def builder(fleet: Fleet) -> Builder:
    return Builder(fleet, stand_in(fleet))


def doors(manifest: Manifest) -> dict[int, tuple[str, ...]]:
    return {one.port: one.ipv4 for one in manifest.listens if one.capability == "sensors"}


def test_a_queue_outlasts_a_cut_of_three_days(fleet: Fleet, builder: Builder) -> None:
    """One message of every device that the zone has an address for, as often as declared; memory for all of it."""
    rules = fleet.province.sensors
    assert rules.hours >= 72
    zone = next(one for one in fleet.province.commune_zones if one.id == rules.zone)
    devices = devices_at_most(zone.ipv4_prefix)
    assert devices == 13
    waiting = devices * rules.hours * 3600 // rules.every_s
    config = builder.build(fleet.hosts["vinh-xuong-people"]).files["/etc/sensors/broker.conf"].content
    said = dict(line.split(" ", 1) for line in config.splitlines() if line.startswith(("max_queued", "memory_limit")))
    assert int(said["max_queued_messages"]) >= waiting
    assert int(said["max_queued_bytes"]) >= waiting * rules.message_bytes
    assert int(said["memory_limit"]) > int(said["max_queued_bytes"])


def test_somebody_is_told_before_a_queue_is_full(fleet: Fleet, builder: Builder) -> None:
    """Of messages of 300 bytes, as small devices send them, there is room for as many again when the watchers tell."""
    rules = builder.build(fleet.hosts["rach-gia-services-1"]).files["/etc/prometheus/rules.yml"].content
    (limit,) = [int(line.split(">")[1]) for line in rules.splitlines() if "province_sensor_queue_bytes >" in line]
    assert limit < 300 * min(fleet.province.sensors.queue_messages(13), fleet.province.sensors.reader_messages) / 2
    facts = builder.build(fleet.hosts["phu-quoc-people"]).files["/usr/local/lib/province/host-facts"].content
    assert "province_sensor_queue_bytes" in facts


def test_nodes_of_the_government_have_a_broker_and_those_of_the_party_nothing(fleet: Fleet, builder: Builder) -> None:
    people, party = (builder.build(fleet.hosts[f"phu-quoc-{body}"]) for body in ("people", "party"))
    assert "mosquitto" in people.packages
    assert people.units["sensors.service"].state == "running"
    assert people.units["mosquitto.service"].state == "stopped"
    assert "mosquitto" not in party.packages
    assert not {name for name in party.files if "sensors" in name}
    assert not doors(party)


def test_the_first_host_of_a_site_is_its_hub(fleet: Fleet, builder: Builder) -> None:
    """Nodes of the other domain do not come to its door; a second host with the duty has none."""
    hub, second = (builder.build(fleet.hosts[f"rach-gia-services-{number}"]) for number in (1, 2))
    rules = fleet.province.sensors
    assert doors(hub) == {rules.port: (str(fleet.province.addressing.bodies[RoutingDomain.GOVERNMENT].ipv4),)}
    assert not doors(second)
    assert "mosquitto" not in second.packages
    rights = hub.files["/etc/sensors/acl"].content
    assert rights.count("topic write ") == len(fleet.communes)
    assert "-party." not in rights


def test_only_declared_devices_have_a_right_and_only_in_their_commune(fleet: Fleet, builder: Builder) -> None:
    for node, names in (
        ("vinh-xuong-people", ["vinh-xuong-river-1", "vinh-xuong-weather-1"]),
        ("phu-quoc-people", ["phu-quoc-water-1"]),
        ("tho-chau-people", []),
    ):
        host = fleet.hosts[node]
        rights = builder.build(host).files["/etc/sensors/acl"].content
        written = [line.removeprefix("topic write ") for line in rights.splitlines() if line.startswith("topic write ")]
        assert written == [f"sensors/{host.commune}/{name}/#" for name in names]


def test_the_broker_is_in_the_zone_and_the_zone_leads_through_tunnels(fleet: Fleet, builder: Builder) -> None:
    """In no commune does the zone of sensors reach the Internet or another zone."""
    for node in fleet.nodes:
        if node.routing_domain != fleet.province.sensors.domain:
            continue
        facts = host_facts(fleet, node)
        zone = next(one for one in node.interfaces if one.zone == fleet.province.sensors.zone)
        assert doors(builder.build(node)) == {8883: (str(zone.address.ipv4.network),)}
        tunnels = {tunnel.node_device for tunnel in fleet.tunnels_of(node.name)}
        assert {way["to"] for way in facts["ways"] if way["from"] == zone.zone} == tunnels  # type: ignore[attr-defined]
        assert zone.zone not in {one["zone"] for one in facts["internet_zones"]}  # type: ignore[attr-defined]


def changed(data: Path, file: str, old: str, new: str) -> str:
    """All problems that the loader finds after one change in a file."""
    path = data / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadData) as error:
        load_fleet("production", data)
    return str(error.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (DEVICES, 'commune: "31018"', 'commune: "31081"', "rows.an-minh-canal-1.commune: no such commune (is 31081)"),
        (DEVICES, "id: an-minh-canal-1", "id: An_Minh", "rows.2.id"),
        (DEVICES, "id: an-minh-canal-1", "id: phu-quoc-water-1", "rows.phu-quoc-water-1: stands more than once (is 2)"),
        (
            PLAN,
            "  zone: iot\n",
            "  zone: iott\n",
            'sensors.zone: no such zone of a commune (is iott); did you mean "iot"?',
        ),
        (PLAN, "local_port: 8882", "local_port: 8883", "local_port 8883 is the port of devices, too"),
    ],
)
def test_what_is_wrong_is_said_once(data: Path, file: str, old: str, new: str, problem: str) -> None:
    said = changed(data, file, old, new)
    assert file in said
    assert said.count(problem) == 1, said


def test_a_zone_has_no_more_devices_than_addresses(data: Path) -> None:
    row = "  - {{id: an-minh-more-{}, kind: rain, commune: '31018', source: A}}\n"
    rows = "".join(row.format(number) for number in range(13))
    said = changed(data, DEVICES, "rows:\n", f"rows:\n{rows}")
    assert "rows: zone iot has addresses for 13 (is 14 in 31018)" in said


def test_a_message_has_a_size_that_a_device_can_have(fleet: Fleet) -> None:
    facts = fleet.province.sensors.model_dump(mode="json")
    with pytest.raises(ValidationError, match="message_bytes"):
        Sensors.model_validate({**facts, "message_bytes": 10})
