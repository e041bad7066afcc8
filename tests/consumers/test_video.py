"""Calls through real relays: who has a credential joins, packets go to the bridge and nowhere else, one site is enough.

`tools/consumers` installs Debian's coturn with its client. Configuration and programs are those that hosts get.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from province.fleet.load import load_fleet
from province.fleet.video import spoken_to
from province.manifest.passages import entrances
from province.pki import authority

from .test_exports import program
from .video_relays import ELSEWHERE, Node, Relay, Site, at_work

HUBS = ("rach-gia-services-1", "long-xuyen-services-1")
NODE, THIN, FULL = "vinh-xuong-people", "phu-quoc-people", "an-minh-people"
FORBIDDEN, NO_PORT_LEFT = "403", "486"

pytestmark = pytest.mark.proves(23)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with at_work(Site(load_fleet("lab"), tmp_path_factory.mktemp("video"))) as made:
        for name in HUBS:
            made.relay(name).start()
        yield made


@pytest.fixture
def node(site: Site) -> Node:
    return site.node(NODE, *site.relays)


def credential(site: Site, node: Node, relay: Relay, path: str = "/credential") -> tuple[int, dict[str, Any]]:
    """Status and answer of the door of a relay to a host."""
    context = ssl.create_default_context(cafile=str(node.place / "ssl/service-ca.pem"))
    context.load_cert_chain(node.place / "ssl/host.pem", node.place / "credentials/host.key")
    wire = http.client.HTTPSConnection("localhost", relay.door_port, timeout=10, context=context)
    status, told = answered(wire, path)
    return status, json.loads(told) if status == 200 else {}


def answered(wire: http.client.HTTPSConnection, path: str) -> tuple[int, bytes]:
    """What a door says; a caller whom it does not know may learn so at the first word, or at the answer."""
    with contextlib.closing(wire):
        wire.request("GET", path)
        answer = wire.getresponse()
        return answer.status, answer.read()


def client(relay: Relay, name: str, password: str, *words: str) -> subprocess.Popen[str]:
    """Coturn's own client: ten packets there and back between two allocations, five seconds with its own pauses."""
    port = relay.tls_port if "-S" in words else relay.port
    command = [program("turnutils_uclient"), "-y", "-c", "-n", "10", "-z", "50", "-p", str(port), *words]
    whole = [*command, "-u", name, "-w", password, relay.address]
    return subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def named(relay: Relay, ends: float, whose: str = NODE) -> tuple[str, str]:
    """A credential that ends at a moment, made from the relay's own secret."""
    name = f"{int(ends)}:{whose}"
    return name, base64.b64encode(hmac.digest(relay.secret.encode(), name.encode(), hashlib.sha1)).decode()


def test_a_node_joins_every_relay_at_the_rate_of_its_room(site: Site) -> None:
    """Over a thin line half as many packets as over another one; all of them arrive."""
    for name, packets in ((NODE, 50), (THIN, 25)):
        one = site.node(name, *site.relays)
        done = one.verb("join")
        assert done.returncode == 0, done.stderr
        told = one.status()
        assert set(told["relays"]) == set(told["prefer"]) == set(HUBS)
        for relay, seen in told["relays"].items():
            print(f"{name} at {relay}: {seen}")
            assert seen["joined"], seen
            assert (seen["sent"], seen["lost_percent"]) == (packets, 0), seen
            assert 0 < seen["delay_ms"] <= seen["late_ms"] < 150


def test_clients_of_others_join_by_what_the_door_gave(site: Site, node: Node) -> None:
    """Coturn's own client, as a room's endpoint would: by UDP and by TLS."""
    clients = []
    for relay, words in zip(site.relays, ([], ["-t", "-S"]), strict=True):
        status, shown = credential(site, node, relay)
        assert status == 200
        assert shown["ttl"] == site.fleet.province.video.credential_minutes * 60
        clients.append(client(relay, shown["username"], shown["password"], *words))
    for one in clients:
        said, _ = one.communicate(timeout=30)
        assert "tot_send_msgs=20, tot_recv_msgs=20" in said, said


def test_a_wrong_an_expired_and_another_relay_s_credential_are_refused(site: Site, node: Node) -> None:
    relay, other = site.relays
    module = node.program
    now = time.time()
    good, password = named(relay, now + 600)
    expired = named(relay, now - 5)
    longer = f"{int(now) + 999_999}:{NODE}"
    for name, word in ((good, "wrong"), expired, (longer, password), named(other, now + 600)):
        with pytest.raises(module.Refused, match="401"):
            module.Allocation(node.plan["relays"][0], {"username": name, "password": word})
    module.Allocation(node.plan["relays"][0], {"username": good, "password": password}).end()


def test_a_relay_speaks_to_the_bridge_and_to_nobody_else(site: Site, node: Node) -> None:
    """Asked for with a good credential: another host, another relay, loopback; the bridge is let through."""
    relay, other = site.relays
    name, password = named(relay, time.time() + 600)
    module = node.program
    one = module.Allocation(node.plan["relays"][0], {"username": name, "password": password})

    def asked(address: str) -> None:
        one.ask(module.BIND, [(module.CHANNEL, b"\x40\x01\0\0"), (module.PEER, lambda id_: hidden(address, id_))])

    def hidden(address: str, id_: bytes) -> bytes:
        packed = bytes(map(int, address.split(".")))
        told: bytes = module.Allocation._hidden((3478, packed), id_)
        return told

    strangers = [str(site.fleet.hosts[host].interfaces[0].address.plain[0]) for host in (NODE, *HUBS)]
    for address in (ELSEWHERE, "127.0.0.1", other.address, "8.8.8.8", *strangers):
        with pytest.raises(module.Refused, match=FORBIDDEN):
            asked(address)
    assert spoken_to(site.fleet) == (("udp", 3478),)
    bridges = [str(pair.plain[0]) for place in site.fleet.data_centres for pair in entrances(site.fleet, place)]
    assert bridges
    asked(bridges[0])
    one.end()


def test_a_room_has_its_ports_and_leaves_others_theirs(site: Site, node: Node) -> None:
    """Credentials of one node count together, whenever each of them ends; another node still joins."""
    relay = site.relays[0]
    module, told = node.program, node.plan["relays"][0]
    now, allowed = time.time(), site.fleet.province.video.allocations

    def take(ends: float, whose: str = FULL) -> Any:
        name, password = named(relay, ends, whose)
        return module.Allocation(told, {"username": name, "password": password})

    held = [take(now + 600 + number) for number in range(allowed)]
    with pytest.raises(module.Refused, match=NO_PORT_LEFT):
        take(now + 1000)
    held.append(take(now + 600, THIN))
    for one in held:
        one.end()


def test_the_door_gives_nothing_to_hosts_without_a_room_or_of_another_authority(site: Site) -> None:
    relay = site.relays[0]
    assert credential(site, site.node(THIN, relay), relay, "/else")[0] == 404
    pretender = site.node("rach-gia-gateway-1", relay)
    assert credential(site, pretender, relay)[0] == 403
    done = pretender.verb("join")
    assert done.returncode != 0
    assert "its door gives no credential (403)" in done.stderr
    foreign = site.node("an-minh-party", relay, by=authority.make("another authority", datetime.now(UTC)))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        credential(site, foreign, relay)
    nobody = ssl.create_default_context(cafile=str(pretender.place / "ssl/service-ca.pem"))
    wire = http.client.HTTPSConnection("localhost", relay.door_port, timeout=10, context=nobody)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        answered(wire, "/credential")


def test_when_a_relay_dies_the_other_one_is_used(site: Site, node: Node) -> None:
    """It is no fault of the node: its unit does not fail. A relay that is back is joined again."""
    dead, alive = site.relays
    dead.kill()
    done = node.verb("join")
    assert done.returncode == 0, done.stderr
    told = node.status()
    assert told["prefer"] == [alive.name]
    assert "joined" in told["relays"][dead.name]
    assert not told["relays"][dead.name]["joined"]
    assert told["relays"][alive.name]["lost_percent"] == 0
    dead.start()
    assert node.verb("join").returncode == 0
    assert set(node.status()["prefer"]) == set(HUBS)


def test_a_node_that_has_its_new_key_before_its_certificate_waits(site: Site) -> None:
    """While it is enrolled anew: nobody can be joined, and no unit fails for it."""
    one, other = site.node(NODE, *site.relays), site.node(FULL, *site.relays)
    shutil.copy(other.place / "credentials/host.key", one.place / "credentials/host.key")
    done = one.verb("join")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is being enrolled anew") == len(HUBS)
    assert one.status()["prefer"] == []


def test_what_a_relay_takes(site: Site, node: Node) -> None:
    """Resident memory of relay and door after calls, MB: bounds of the units with room, printed for the decision."""
    assert node.verb("join").returncode == 0
    for name, most_mb in (("relay", 128), ("door", 48)):
        status = Path(f"/proc/{site.relays[0].running[name].pid}/status").read_text(encoding="utf-8")
        (resident,) = [int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")]
        print(f"{name}: {resident:.0f} MB resident")
        assert resident < most_mb
