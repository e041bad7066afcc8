"""Video: a node joins the relays by credentials that end; a relay knows nobody else and speaks to the bridge alone."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.expectations import Expected
from province.verify.facts import Socket
from province.verify.marks import control
from province.verify.ruleset import Ruleset

pytestmark = pytest.mark.proves(23)

NODES = pytest.mark.hosts("edge")
RELAYS = pytest.mark.hosts("video")
SEEN = "/var/lib/video/joined.json"
AGE = f"echo $(( $(date +%s) - $(stat -c %Y {SEEN} 2>/dev/null || echo 0) ))"
"""How old the last try is, in seconds."""
STATUS = "python3 -I /usr/local/lib/province/video status /etc/video/plan.json"
"""What it saw."""
STRANGER = 'printf "GET /credential HTTP/1.0\\r\\n\\r\\n" | openssl s_client -quiet -connect {address}:{port} 2>&1'
THROUGH_ITSELF = """
import os, socket, sys
os.setuid(int(sys.argv[1]))
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for port in map(int, sys.argv[3:]):
    try:
        wire.sendto(b"", (sys.argv[2], port))
        print(port, "sent")
    except PermissionError:
        print(port, "dropped")
"""


def last_try(host: Connection, expected: Expected) -> tuple[dict[str, Any], bool]:
    """What the node's last try saw, and whether that is as it has to be: young, both relays, little lost."""
    (room,) = expected.facts["video_rooms"]
    age = int(host.check_output(AGE))
    told: dict[str, Any] = json.loads(host.check_output(STATUS))
    joined = set(told["prefer"]) == {one["name"] for one in room["plan"]["relays"]}
    good = all(seen["lost_percent"] <= expected.facts["video_most_lost"] for seen in told["relays"].values() if joined)
    return told, joined and good and age <= 2 * expected.facts["video_try_s"]


@NODES
def test_the_node_joins_the_relays_of_both_sites(host: Connection, acting_host: Connection, expected: Expected) -> None:
    """At the rate of the room; what is lost is within what the model allows. A failed try is made anew, twice."""
    told, good = last_try(host, expected)
    for _ in range(2):
        if not good:
            acting_host.run("systemctl start video-join.service")
            told, good = last_try(acting_host, expected)
    assert good, (told, acting_host.check_output("journalctl --unit video-join --lines 5 --output cat"))


@NODES
def test_a_node_tries_its_relays_out_by_itself(host: Connection, expected: Expected) -> None:
    """What the timer that is loaded says: every node has a second of its own."""
    (room,) = expected.facts["video_rooms"]
    words = "ActiveState,TimersCalendar,Unit"
    shown = host.check_output(f"systemctl show --property {words} video-join.timer").splitlines()
    assert "ActiveState=active" in shown
    assert [line for line in shown if f"OnCalendar={room['calendar']} ;" in line], shown


@NODES
def test_the_zone_of_video_leads_to_its_passages_and_not_to_the_internet(firewall: Ruleset, expected: Expected) -> None:
    """Rooms reach what flows of the model name, through tunnels; no rule lets them into a bare line."""
    (room,) = expected.facts["video_rooms"]
    zone = room["plan"]["room"]["zone"]
    ways = {other for one, other in firewall.elements("ways", "province") if one == zone}
    assert ways == {one["device"] for one in expected.facts["tunnel_devices"]}
    assert zone not in {one["zone"] for one in expected.facts["internet_zones"]}


@RELAYS
def test_a_relay_is_where_the_model_says_and_under_an_account_of_its_own(
    host: Connection, sockets: frozenset[Socket], expected: Expected
) -> None:
    """Debian's own server, which lets everybody in, does not run; what a call holds open is in the declared range."""
    for relay in expected.facts["video_relays"]:
        seen = {(one.address, one.protocol, one.port) for one in sockets if one.process == "turnserver"}
        doors = {("udp", expected.facts["video_port"]), ("tcp", expected.facts["video_tls_port"])}
        there = {one for one in seen if one[2] < relay["first_port"]}
        assert there == {(address, *door) for address in relay["addresses"] for door in doors}
        assert {port for _, _, port in seen - there} <= set(range(relay["first_port"], relay["last_port"] + 1))
        main = host.check_output("systemctl show --property MainPID --value video-relay.service")
        assert host.check_output(f"stat -c %u /proc/{main}") == str(relay["uid"])
        assert not host.service("coturn.service").is_running


@RELAYS
def test_a_relay_s_secret_is_root_s_and_the_register_has_it_sealed(
    host: Connection, node: Host, expected: Expected
) -> None:
    """The copy that the server reads is closed to others; what was sealed is in the register of enrolled hosts."""
    secret = host.file("/etc/video/turn.key")
    assert (secret.user, secret.group, secret.mode) == ("root", "root", 0o600)
    loaded = host.file("/run/video-relay/turnserver.conf")
    assert (loaded.user, loaded.mode) == ("video-relay", 0o600)
    assert host.file("/run/video-relay").mode == 0o700
    sealed = host.check_output("cat /etc/video/turn.key.pub")
    assert sealed == expected.trust.enrolled.keys[node.name]["turn"]


@RELAYS
def test_the_door_gives_no_credential_without_a_certificate(host: Connection, expected: Expected) -> None:
    said = host.run(STRANGER.format(address="127.0.0.1", port=expected.facts["video_door_port"])).stdout
    assert "certificate required" in said, said
    assert "username" not in said


@control(6)
@RELAYS
def test_nobody_speaks_through_a_relay_to_the_host_s_own_services(acting_host: Connection, expected: Expected) -> None:
    """The relay passes packets on to calls at itself; resolver and clock of the host stay out of their reach."""
    for relay in expected.facts["video_relays"]:
        ports = [53, 123, relay["first_port"] - 1, relay["first_port"], relay["last_port"], relay["last_port"] + 1]
        words = ["python3", "-c", THROUGH_ITSELF, str(relay["uid"]), relay["addresses"][0], *map(str, ports)]
        said = dict(line.split() for line in acting_host.check_output(shlex.join(words)).splitlines() if line)
        inside = {str(relay["first_port"]), str(relay["last_port"])}
        assert {port for port, what in said.items() if what == "sent"} == inside
