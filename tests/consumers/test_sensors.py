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
from province.pki import authority

from .relay_clients import until
from .sensor_brokers import Broker, Brokers, at_work
from .sensor_clients import Connection, connected, lets_in

NODE, OTHER = "vinh-xuong-people", "phu-quoc-people"
HUBS = ("rach-gia-services-1", "long-xuyen-services-1")
DEVICE, NEIGHBOUR, STRANGER = "vinh-xuong-river-1", "vinh-xuong-weather-1", "phu-quoc-water-1"
TOPIC = f"sensors/30385/{DEVICE}/level"
MEASUREMENTS = 500
ARRIVE_S = 60.0
REFUSED = "Not authorized"
LAST_MOMENT_S = 0.5
"""mosquitto 2.0 acknowledges a message and saves it at the end of the same round of its loop."""

pytestmark = pytest.mark.proves(67, 71, 81)


@pytest.fixture
def fleet() -> Fleet:
    return load_fleet("lab")


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
    time.sleep(LAST_MOMENT_S)


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
    all_accepted(device, device.send(TOPIC, range(320, 400)))
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
