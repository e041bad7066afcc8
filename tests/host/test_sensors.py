"""Sensors: the broker of a commune is in their zone alone and carries on to both sites; a hub knows its nodes."""

from __future__ import annotations

import json
import shlex

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.facts import Socket
from province.verify.ruleset import Ruleset
from tests.hearing import hearing

pytestmark = pytest.mark.proves(67, 71, 81)

NODES = pytest.mark.hosts("government")
HUBS = pytest.mark.hosts("sensors")
BROKERS = pytest.mark.hosts("government", "sensors")
ANSWER_S = 5
KNOCK = """
import socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/ssl/province/service-ca.pem")
context.check_hostname = False
for known in (False, True):
    if known:
        context.load_cert_chain("/etc/ssl/province/host.pem", "/etc/ssl/province/host.key")
    try:
        wire = context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5))
        wire.sendall(b"\\x10\\x0d\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x01x")
        print("let in" if wire.recv(4)[:1] == b"\\x20" else "refused")
    except (ssl.SSLError, ConnectionError) as error:
        print("refused", error)
"""


def told(host: Connection, expected: Expected, topics: list[str]) -> dict[str, str]:
    """What the running broker says of itself, asked as a program of the host would."""
    answer = json.loads(host.check_output(hearing(expected.facts, ANSWER_S, topics)))
    assert isinstance(answer, dict)
    return answer


@NODES
def test_devices_find_the_broker_in_their_zone_alone(sockets: frozenset[Socket], expected: Expected) -> None:
    """No other zone, no line and no tunnel leads to it; programs of the host come by loopback."""
    (broker,) = expected.facts["sensors_nodes"]
    there = {(one.address, one.port) for one in sockets if one.process == "mosquitto"}
    own = {("127.0.0.1", expected.facts["sensors_local_port"])}
    assert there == {(address, expected.facts["sensors_port"]) for address in broker["addresses"]} | own


@NODES
def test_nobody_but_a_device_is_let_in(host: Connection, expected: Expected) -> None:
    """Without a certificate nobody; with one of another authority, even the host's own, nobody either."""
    (broker,) = expected.facts["sensors_nodes"]
    door = [broker["addresses"][0], str(expected.facts["sensors_port"])]
    answers = host.check_output(shlex.join(["python3", "-c", KNOCK, *door])).splitlines()
    assert [answer.partition(" ")[0] for answer in answers] == ["refused", "refused"]


@NODES
def test_a_node_carries_on_to_the_hubs_of_both_sites(host: Connection, expected: Expected) -> None:
    """What the broker itself says of its bridges."""
    (broker,) = expected.facts["sensors_nodes"]
    wanted = [f"$SYS/broker/connection/{hub['name']}/state" for hub in broker["hubs"]]
    assert wanted
    assert told(host, expected, wanted) == dict.fromkeys(wanted, "1")


@HUBS
def test_a_hub_has_no_more_callers_than_nodes(host: Connection, expected: Expected) -> None:
    """Some call, so the door opens; that all do is for those who watch, because a commune may be without power."""
    for hub in expected.facts["sensors_hubs"]:
        port = expected.facts["sensors_port"]
        lines = host.check_output(f"ss -Htn state established 'sport = :{port}'").splitlines()
        callers = {line.split()[-1].rsplit(":", 1)[0] for line in lines}
        assert 0 < len(callers) <= len(hub["senders"])


@BROKERS
def test_what_a_broker_reads_and_keeps_is_closed_to_others(host: Connection, expected: Expected) -> None:
    """It runs under Debian's account of its own; its store opens to nobody else."""
    for _ in (*expected.facts["sensors_nodes"], *expected.facts["sensors_hubs"]):
        main = host.check_output("systemctl show --property MainPID --value sensors.service")
        assert host.check_output(f"stat -c %U /proc/{main}") == "mosquitto"
        store = host.file("/var/lib/sensors")
        assert (store.user, store.mode) == ("mosquitto", 0o700)
        assert not host.service("mosquitto.service").is_running


@NODES
def test_the_zone_of_sensors_leads_to_the_sites_and_not_to_the_internet(firewall: Ruleset, expected: Expected) -> None:
    """Sensors reach what flows of the model name, through tunnels; no rule lets them into a bare line."""
    (broker,) = expected.facts["sensors_nodes"]
    tunnels = {one["device"] for one in expected.facts["tunnel_devices"]}
    ways = {other for one, other in firewall.elements("ways", "province") if one == broker["zone"]}
    assert ways == tunnels
    assert broker["zone"] not in {one["zone"] for one in expected.facts["internet_zones"]}
