"""The kiosk of the counter: in its zone alone, by accounts that own nothing, and its page is there when asked."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.facts import Socket
from province.verify.ruleset import Ruleset

pytestmark = [pytest.mark.proves(12, 101), pytest.mark.hosts("government")]

FETCH = """
import http.client, ssl, sys
address, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile="/etc/ssl/province/service-ca.pem")
wire = http.client.HTTPSConnection(address, port, timeout=20, context=context)
wire.request("GET", path)
answer = wire.getresponse()
print(answer.status, answer.getheader("Content-Security-Policy"))
print(answer.read().decode())
"""


def test_the_kiosk_is_in_the_zone_of_the_counter_alone(sockets: frozenset[Socket], expected: Expected) -> None:
    """No other zone, no line and no tunnel leads to it."""
    (desk,) = expected.facts["counter_desks"]
    there = {(one.address, one.port) for one in sockets if one.process == "nginx"}
    assert there == {(address, desk["port"]) for address in desk["addresses"]}


def test_the_page_is_served_by_the_node_itself(host: Connection, expected: Expected) -> None:
    """By a certificate that a browser accepts for the address, in Vietnamese, with nothing that runs in the browser."""
    (desk,) = expected.facts["counter_desks"]
    for address in desk["addresses"]:
        said = host.check_output("python3 -c %s %s %s /", FETCH, address, str(desk["port"]))
        assert said.startswith("200 default-src 'none'; style-src 'self';"), said[:200]
        assert '<html lang="vi">' in said
        assert f"Quầy một cửa {desk['plan']['place']}" in said
        assert "<script" not in said


def test_the_kiosk_sees_that_the_province_is_there(host: Connection, expected: Expected) -> None:
    """What it tells people of the line is what the queue itself sees."""
    (desk,) = expected.facts["counter_desks"]
    said = host.check_output("python3 -c %s %s %s /trang-thai", FETCH, desk["addresses"][0], str(desk["port"]))
    assert json.loads(said.split("\n", 1)[1])["reachable"] is True


def test_nothing_that_people_write_lies_beside_the_queue(host: Connection, expected: Expected) -> None:
    """Accounts of their own, one socket that the door alone opens, and the queue's store is closed to others."""
    (desk,) = expected.facts["counter_desks"]
    for unit, uid in (("counter", desk["uid"]), ("counter-door", desk["door_uid"])):
        main = host.check_output("systemctl show --property MainPID --value %s.service", unit)
        assert host.check_output("stat -c %%u /proc/%s", main) == str(uid)
    assert host.check_output("stat -c '%U %G %a' /run/counter/kiosk.sock") == "counter counter-door 770"
    assert host.check_output("find /run/counter /run/counter-door -type f ! -name door.pid") == ""
    assert host.check_output("stat -c %a /var/lib/relay-government") == "700"
    assert host.check_output("find /var/lib/relay-government/jetstream -type f -perm /077") == ""
    assert not host.service("nginx.service").is_running


def test_devices_of_the_counter_reach_systems_and_no_other_zone(firewall: Ruleset, expected: Expected) -> None:
    """Readers and the kiosk reach what flows of the model name, through tunnels, the printers, and nothing further."""
    (desk,) = expected.facts["counter_desks"]
    ways = {other for one, other in firewall.elements("ways", "province") if one == desk["zone"]}
    beside = {one["to"] for one in expected.facts["neighbours"] if one["from"] == desk["zone"]}
    assert ways == {one["device"] for one in expected.facts["tunnel_devices"]} | beside
