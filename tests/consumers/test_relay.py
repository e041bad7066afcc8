"""The relay by real servers: what a node accepted arrives at both hubs, once and in order, whatever happened between.

`tools/consumers` installs Debian's server. Configuration, plan and program are those that hosts get.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.pki import authority

from .relay_clients import (
    DRAINED_S,
    NODE,
    SUBJECTS,
    arrived,
    asked,
    connect,
    cut,
    kept,
    last,
    mend,
    reached,
    send,
    until,
)
from .relay_servers import Relays, Server, at_work

OTHER, PARTY = "long-xuyen-people", "phu-quoc-party"
HUBS = ("rach-gia-services-1", "long-xuyen-services-1")
DOCUMENTS = 1000
ASKS_AGAIN_S = 150.0
"""NATS 2.10 waits twice ten seconds longer after each vain try, two minutes at most, and 10 s for an answer."""
MEGABYTE = b"." * 1_000_000

pytestmark = pytest.mark.proves(6, 12)


@pytest.fixture
def fleet() -> Fleet:
    """The lab's fleet, with a queue that is full after three megabytes and a quota of 600 messages for a subject."""
    fleet = load_fleet("lab")
    small = {"node_mb_a_day": 1, "margin": 1, "subject_messages": 600}
    relay = fleet.province.relay.model_copy(update=small)
    return dataclasses.replace(fleet, province=fleet.province.model_copy(update={"relay": relay}))


@pytest.fixture
def relays(fleet: Fleet, tmp_path: Path) -> Iterator[Relays]:
    with at_work(Relays(fleet, tmp_path, authority.make("made by a test", datetime.now(UTC)))) as made:
        yield made


def joined(relays: Relays) -> tuple[Server, list[Server]]:
    """A node and both hubs, connected, each with its streams."""
    hubs = [relays.hub(name, "government") for name in HUBS]
    for hub in hubs:
        hub.start(streams=False)
    node = relays.node(NODE, *hubs)
    node.start()
    reached(node, *hubs)
    for hub in hubs:
        assert hub.verb("streams").returncode == 0
    return node, hubs


def check_all_arrived(node: Server, hubs: list[Server], within_s: float) -> None:
    """Everything is at both hubs once and in order; the node then frees it, and what comes later arrives as well."""
    took = until(lambda: all(last(hub) >= DOCUMENTS for hub in hubs), "both hubs have everything", within_s)
    print(f"drained in {took:.1f} s")
    for hub in hubs:
        found = arrived(hub, DOCUMENTS)
        assert found == [(SUBJECTS[number % len(SUBJECTS)], number) for number in range(DOCUMENTS)]
        assert last(hub) == DOCUMENTS
    freed = node.verb("release")
    assert f"freed {DOCUMENTS} messages" in freed.stdout, freed.stderr
    send(node, range(DOCUMENTS, DOCUMENTS + 3))
    until(lambda: all(last(hub) == DOCUMENTS + 3 for hub in hubs), "what came after the queue was freed")


def test_what_a_node_accepted_arrives_once_and_in_order(relays: Relays) -> None:
    """1,000 documents; there is no line, the node's server is killed amid them, and the publisher sends some again."""
    hubs = [relays.hub(name, "government") for name in HUBS]
    node = relays.node(NODE, *hubs)
    cut(relays)
    for one in (*hubs, node):
        one.start(streams=one is node)
    send(node, range(600))
    node.kill()
    node.start()
    send(node, range(590, 900))
    mend(relays, node, hubs)
    for hub in hubs:
        assert hub.verb("streams").returncode == 0
    until(lambda: all(last(hub) == 900 for hub in hubs), "what waited for the first line")
    cut(relays)
    send(node, range(895, DOCUMENTS))
    assert [last(hub) for hub in hubs] == [900, 900], "the line was not cut"
    mend(relays, node, hubs)
    check_all_arrived(node, hubs, DRAINED_S)


@pytest.mark.soak
def test_a_hub_that_asked_in_vain_asks_again(relays: Relays) -> None:
    """As above, of a stream that was being copied: a hub asks a lost node again after at most two minutes."""
    node, hubs = joined(relays)
    send(node, range(100))
    cut(relays)
    send(node, range(100, 600))
    node.kill()
    node.start()
    send(node, range(590, DOCUMENTS))
    assert all(last(hub) < DOCUMENTS for hub in hubs), "the line was not cut"
    time.sleep(60)
    mend(relays, node, hubs)
    check_all_arrived(node, hubs, ASKS_AGAIN_S)


def test_a_full_queue_refuses_loudly_and_keeps_what_it_accepted(relays: Relays) -> None:
    """A power cut with a full queue loses nothing, and nothing is freed before both sites have it."""
    hubs = [relays.hub(name, "government") for name in HUBS]
    node = relays.node(NODE, *hubs)
    hubs[0].start(streams=False)
    node.start()
    with pytest.raises(APIError, match="maximum bytes exceeded"):
        send(node, range(10), MEGABYTE)
    accepted = last(node)
    assert accepted == 2, "three megabytes hold two documents of one and their heads"
    node.kill()
    node.start()
    assert last(node) == accepted
    reached(node, hubs[0])
    assert hubs[0].verb("streams").returncode == 0
    until(lambda: last(hubs[0]) == accepted, "the hub that answers has everything")
    silent = node.verb("release")
    assert (silent.returncode, "nothing is freed by now" in silent.stdout) == (0, True), silent.stdout + silent.stderr
    assert kept(node) == accepted, "one of the two sites has nothing yet"
    hubs[1].start(streams=False)
    reached(node, hubs[1])
    assert hubs[1].verb("streams").returncode == 0
    until(lambda: last(hubs[1]) == accepted, "the other hub has everything")
    assert f"freed {accepted} messages" in node.verb("release").stdout
    send(node, range(accepted, accepted + 1), MEGABYTE)


def test_a_queue_that_was_made_anew_is_not_freed(relays: Relays) -> None:
    """A box that lost its disk counts from one again: what stores have under its numbers are other messages."""
    node, hubs = joined(relays)
    send(node, range(5))
    until(lambda: all(last(hub) == 5 for hub in hubs), "what is to be lost")
    node.kill()
    shutil.rmtree(node.place / "store")
    node.start()
    send(node, range(100, 103))
    reached(node, *hubs)
    fewer = node.verb("release")
    assert (fewer.returncode, "it was made anew" in fewer.stderr) == (1, True), fewer.stderr
    send(node, range(103, 106))
    other = node.verb("release")
    assert (other.returncode, "is another one" in other.stderr) == (1, True), other.stderr


def test_a_publisher_over_its_quota_is_refused_and_others_are_not(relays: Relays) -> None:
    node = relays.node(NODE, *(relays.hub(name, "government") for name in HUBS))
    node.start()
    quota = relays.fleet.province.relay.subject_messages

    async def fill(client: Client) -> None:
        stream = client.jetstream(timeout=10)
        for _ in range(quota):
            await stream.publish(SUBJECTS[0], b"")
        with pytest.raises(APIError, match="maximum messages per subject exceeded"):
            await stream.publish(SUBJECTS[0], b"")
        assert (await stream.publish(SUBJECTS[1], b"")).seq == quota + 1

    asked(node, fill)


def test_who_shows_a_wrong_certificate_is_refused(relays: Relays) -> None:
    """Neither another host's nor a stranger's is taken; a node of the other domain does not come in at a hub."""
    hub = relays.hub(HUBS[0], "government")
    rest = relays.hub(HUBS[1], "government")
    hub.start(streams=False)
    node = relays.node(NODE, hub, rest)
    node.start()
    until(lambda: f'remote "{NODE}"' in hub.log, "the right node is connected")
    stranger = relays.node(OTHER, hub, rest, by=authority.make("another authority", datetime.now(UTC)))
    for shown in (stranger, hub):
        with pytest.raises((nats.errors.Error, OSError)):
            asyncio.run(connect(node, shown))
    stranger.start(streams=False)
    until(
        lambda: "unknown authority" in hub.log or "TLS leafnode handshake error" in hub.log, "the stranger is refused"
    )
    other = relays.node(PARTY, hub, rest)
    other.start()
    until(lambda: "Authorization Violation" in other.log, "the node of the other domain is refused")
    assert f'remote "{PARTY}"' not in hub.log
    assert f'remote "{OTHER}"' not in hub.log


def test_a_node_reaches_nothing_of_another_node(relays: Relays) -> None:
    """By its own name it may ask what of it is at a hub; another's queue and another's copy do not answer."""
    hub = relays.hub(HUBS[0], "government")
    rest = relays.hub(HUBS[1], "government")
    hub.start(streams=False)
    nodes = [relays.node(name, hub, rest) for name in (NODE, OTHER)]
    for node in nodes:
        node.start()
    until(lambda: all(f'remote "{name}"' in hub.log for name in (NODE, OTHER)), "both are connected")
    assert hub.verb("streams").returncode == 0

    async def ask(client: Client) -> None:
        own = await client.request(f"$JS.{HUBS[0]}.API.STREAM.INFO.{NODE}", b"", timeout=5)
        assert b'"error"' not in own.data
        for subject in (f"$JS.{HUBS[0]}.API.STREAM.INFO.{OTHER}", f"$JS.{OTHER}.API.STREAM.INFO.{OTHER}"):
            with pytest.raises(nats.errors.Error):
                await client.request(subject, b"", timeout=1)

    asked(nodes[0], ask)
