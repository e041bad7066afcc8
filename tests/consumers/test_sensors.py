"""The sensors by real brokers: what a device sent arrives at both sites, and nobody speaks in another's name.

`tools/consumers` installs Debian's server. Configuration and list of rights are those that hosts get.
"""

from __future__ import annotations

import dataclasses
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.sensors import BARE_BYTES, ENTRY_BYTES
from province.pki import authority

from .relay_clients import until
from .sensor_brokers import Broker, Brokers, at_work
from .sensor_clients import Connection, connected, lets_in

NODE = "vinh-xuong-people"
HUBS = ("rach-gia-services-1", "long-xuyen-services-1")
DEVICE, NEIGHBOUR, STRANGER = "vinh-xuong-river-1", "vinh-xuong-weather-1", "phu-quoc-water-1"
TOPIC = f"sensors/30385/{DEVICE}/level"
MEASUREMENTS = 500
ARRIVE_S = 60.0
ON_THE_WAY = 20
"""Messages that a device or a node sends without an answer to the first: one round of a broker's loop has no more.
Those that a node has sent to a hub so do not count as waiting."""
REFUSED = "Not authorized"
HEAP = "$SYS/broker/heap/current"
SYSTEM_S = 11
"""A broker tells of itself every ten seconds, when something is new."""
HEAD_BYTES = 20
"""More than what stands before topic and content of a message (MQTT 5, section 3.3)."""
SAVED_S = 0.5
"""mosquitto 2.0 acknowledges a message and saves it at the end of the same round of its loop: until then."""

pytestmark = pytest.mark.proves(67, 71, 81)


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Fleet:
    """The lab's fleet; a test may give its own rules for sensors."""
    fleet = load_fleet("lab")
    own = getattr(request, "param", {})
    sensors = fleet.province.sensors.model_copy(update=own)
    return dataclasses.replace(fleet, province=fleet.province.model_copy(update={"sensors": sensors}))


@pytest.fixture
def brokers(fleet: Fleet, tmp_path: Path) -> Iterator[Brokers]:
    now = datetime.now(UTC)
    made = Brokers(fleet, tmp_path, authority.make("hosts of a test", now), authority.make("devices of a test", now))
    with at_work(made):
        yield made


def joined(brokers: Brokers) -> tuple[Broker, list[Broker]]:
    """A node and both hubs, connected."""
    hubs = [brokers.hub(name) for name in HUBS]
    for hub in hubs:
        hub.start()
    node = brokers.node(NODE, *hubs)
    node.start()
    until(lambda: all("New bridge connected" in hub.log for hub in hubs), "the node has bridges to both hubs")
    return node, hubs


def reader(hub: Broker) -> Connection:
    """A program of a hub's host that reads everything."""
    return Connection(hub.shown, hub.local_port, "reader", "sensors/#")


def all_accepted(device: Connection, packets: dict[int, int]) -> None:
    until(lambda: set(packets.values()) <= set(device.acknowledged), "the broker of the node accepted everything")
    time.sleep(SAVED_S)


def test_what_a_node_accepted_arrives_at_both_sites(brokers: Brokers) -> None:
    """500 measurements: the lines are cut, the node's broker is killed with its queue, then each hub in turn."""
    node, hubs = joined(brokers)
    readers = [reader(hub) for hub in hubs]
    device = Connection(brokers.device(DEVICE), node.port, DEVICE)
    all_accepted(device, device.send(TOPIC, range(100)))
    for line in brokers.lines.values():
        line.cut()
    all_accepted(device, device.send(TOPIC, range(100, 300)))
    node.kill()
    packets = device.send(TOPIC, range(300, 320))
    node.start()
    all_accepted(device, packets)
    assert not set(range(100, 320)) & set(readers[0].numbers(TOPIC)), "the line was not cut"
    hubs[0].kill()
    for line in brokers.lines.values():
        line.mend()
    all_accepted(device, device.send(TOPIC, range(320, 400), keep=True))
    hubs[0].start()
    until(lambda: len(set(readers[1].numbers(TOPIC))) >= 400, "the other hub had everything", ARRIVE_S)
    hubs[1].kill()
    all_accepted(device, device.send(TOPIC, range(400, MEASUREMENTS)))
    hubs[1].start()
    for hub, one in zip(hubs, readers, strict=True):
        took = until(lambda one=one: set(one.numbers(TOPIC)) == set(range(MEASUREMENTS)), "all are there", ARRIVE_S)  # type: ignore[misc]
        twice = sum(count - 1 for count in Counter(one.numbers(TOPIC)).values())
        print(f"{hub.host.name}: {MEASUREMENTS} arrived, {twice} of them once more, after {took:.1f} s")
        one.end()
    device.end()


@pytest.mark.parametrize("dies", ["node", pytest.param("hub", marks=pytest.mark.soak)])
def test_a_broker_that_dies_amid_messages_loses_its_last_round_at_most(brokers: Brokers, dies: str) -> None:
    """What was acknowledged before that is there; devices and nodes send again what was not."""
    node, hubs = joined(brokers)
    one = reader(hubs[0])
    device = Connection(brokers.device(DEVICE), node.port, DEVICE)
    packets: dict[int, int] = {}
    over = threading.Event()

    def speak() -> None:
        while not over.is_set():
            packets.update(device.send(TOPIC, range(len(packets), len(packets) + 1)))
            time.sleep(0.002)

    speaking = threading.Thread(target=speak)
    speaking.start()
    until(lambda: len(one.numbers(TOPIC)) > 200, "measurements arrive")
    broker = node if dies == "node" else hubs[0]
    broker.kill()
    died = time.monotonic()
    broker.start()
    time.sleep(0.2)
    over.set()
    speaking.join()
    all_accepted(device, packets)
    last = len(packets)
    all_accepted(device, device.send(TOPIC, range(last, last + 1)))
    until(lambda: last in one.numbers(TOPIC), "the last one arrived", ARRIVE_S)
    lost = set(packets) - set(one.numbers(TOPIC))
    ages = sorted(died - device.acknowledged[packets[number]][1] for number in lost)
    print(f"{dies}: {len(lost)} of {last} measurements are lost, acknowledged so many seconds before: {ages}")
    assert len(lost) <= ON_THE_WAY
    assert all(age >= 0 for age in ages)
    for each in (one, device):
        each.end()


FEW = {"hours": 1, "every_s": 3600, "margin": 1}
"""13 messages wait for a hub and no more: one of each device that a zone has an address for."""


@pytest.mark.parametrize("fleet", [FEW], indirect=True)
def test_a_full_queue_keeps_what_it_has_and_says_what_it_drops(brokers: Brokers) -> None:
    """One hub is away; what does not fit into its queue is dropped loudly, and reaches the other hub."""
    hubs = [brokers.hub(name) for name in HUBS]
    hubs[0].start()
    node = brokers.node(NODE, *hubs)
    node.start()
    until(lambda: "New bridge connected" in hubs[0].log, "the node has one bridge")
    device = Connection(brokers.device(DEVICE), node.port, DEVICE)
    here = reader(hubs[0])
    room = brokers.fleet.province.sensors.queue_messages(13)
    sent = 2 * (room + ON_THE_WAY)
    all_accepted(device, device.send(TOPIC, range(sent)))
    until(lambda: set(here.numbers(TOPIC)) == set(range(sent)), "the hub that is there has everything", ARRIVE_S)
    assert f"Outgoing messages are being dropped for client to-{HUBS[1]}" in node.log
    node.kill()
    hubs[1].start()
    there = reader(hubs[1])
    node.start()
    until(lambda: "New bridge connected" in hubs[1].log, "the other hub is back")
    all_accepted(device, device.send(TOPIC, range(sent, sent + 1)))
    until(lambda: sent in there.numbers(TOPIC), "what came after the queue was full", ARRIVE_S)
    kept = set(there.numbers(TOPIC)) - {sent}
    assert kept >= set(range(room))
    assert len(kept) <= room + ON_THE_WAY
    for each in (here, there, device):
        each.end()


@pytest.mark.soak
def test_what_waits_fits_into_the_memory_that_the_model_gives_it(brokers: Brokers) -> None:
    """2,000 messages as large as allowed, for two hubs that are away: what the server itself says of its memory."""
    node = brokers.node(NODE, *(brokers.hub(name) for name in HUBS))
    node.start()
    watch = Connection(node.shown, node.local_port, "watch", HEAP)

    until(lambda: bool(watch.heard), "the server tells of its memory", SYSTEM_S)
    bare = int(watch.heard[-1].payload)
    device = Connection(brokers.device(DEVICE), node.port, DEVICE)
    size = brokers.fleet.province.sensors.message_bytes - len(TOPIC) - HEAD_BYTES
    all_accepted(device, device.send(TOPIC, range(10**size, 10**size + 2000)))
    time.sleep(SYSTEM_S)
    each = (int(watch.heard[-1].payload) - bare) / 2000
    print(f"bare {bare} bytes; each message {each:.0f} bytes, {each - size - len(TOPIC):.0f} of them beside itself")
    assert bare < BARE_BYTES
    assert each < brokers.fleet.province.sensors.message_bytes + ENTRY_BYTES
    for one in (watch, device):
        one.end()


def test_a_device_writes_below_its_own_name_and_reads_nothing(brokers: Brokers) -> None:
    node = brokers.node(NODE, *(brokers.hub(name) for name in HUBS))
    node.start()
    own = "sensors/30385"
    with connected(brokers.device(DEVICE), node.port, DEVICE, "#") as device:
        assert device.said(f"{own}/{DEVICE}/level") == "Success"
        for topic in (f"{own}/{NEIGHBOUR}/level", f"{own}/level", f"sensors/31078/{DEVICE}/level", "other"):
            assert device.said(topic) == REFUSED, topic
        assert device.heard == [], "what is written is for the sites"
    with connected(brokers.device(STRANGER), node.port, STRANGER) as stranger:
        for topic in (f"{own}/{STRANGER}/level", f"{own}/{DEVICE}/level", f"sensors/31078/{STRANGER}/level"):
            assert stranger.said(topic) == REFUSED, f"a device of another commune: {topic}"


def test_a_device_cannot_end_the_connection_of_another(brokers: Brokers) -> None:
    """Under the other's name as a client it still is the one that its certificate names."""
    node = brokers.node(NODE, *(brokers.hub(name) for name in HUBS))
    node.start()
    with (
        connected(brokers.device(DEVICE), node.port, DEVICE) as device,
        connected(brokers.device(NEIGHBOUR), node.port, DEVICE) as neighbour,
    ):
        assert neighbour.said(f"sensors/30385/{NEIGHBOUR}/rain") == "Success"
        assert device.said(TOPIC) == "Success"
        assert device.lost == neighbour.lost == 0


def test_who_shows_no_certificate_or_a_wrong_one_is_not_let_in(brokers: Brokers) -> None:
    """Each door knows one authority: devices come to the node's, hosts to the hub's and to their own."""
    hub, rest = (brokers.hub(name) for name in HUBS)
    node = brokers.node(NODE, hub, rest)
    for broker in (hub, node):
        broker.start()
    device = brokers.device(DEVICE)
    foreign = brokers.device(DEVICE, by=authority.make("another authority", datetime.now(UTC)))
    nobody = ssl.create_default_context(cafile=str(node.place / "ssl/service-ca.pem"))
    assert lets_in(device.context, node.port)
    assert lets_in(node.shown.context, hub.port)
    assert lets_in(node.shown.context, node.local_port)
    for shown, port in (
        (nobody, node.port),
        (foreign.context, node.port),
        (node.shown.context, node.port),
        (device.context, node.local_port),
        (nobody, hub.port),
        (device.context, hub.port),
        (foreign.context, hub.port),
    ):
        assert not lets_in(shown, port)


def test_a_node_writes_below_its_own_commune_and_reads_nothing(brokers: Brokers) -> None:
    """Whoever takes a node over gets no further than its own commune; a node of the Party has no right at all."""
    hub = brokers.hub(HUBS[0])
    hub.start()
    node = brokers.host(NODE)
    with connected(node, hub.port, NODE, "sensors/#") as taken:
        assert taken.said(TOPIC) == "Success"
        for topic in (f"sensors/31078/{STRANGER}/level", "sensors", "other"):
            assert taken.said(topic) == REFUSED, topic
        assert taken.heard == []
    with connected(brokers.host("vinh-xuong-party"), hub.port, "party") as party:
        assert party.said(TOPIC) == REFUSED
