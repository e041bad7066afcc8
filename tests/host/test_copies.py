"""Copies of what only a node has: made in time, closed to everybody else, and beyond the node's own reach."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.expectations import Expected

pytestmark = pytest.mark.proves(78)

NODES = pytest.mark.hosts("edge")
STORES = pytest.mark.hosts("backup")
PROGRAM = """
import importlib.machinery, json, os, tempfile
copies = importlib.machinery.SourceFileLoader("copies", "/usr/local/lib/province/copies").load_module()
plan = json.load(open("/etc/copies/plan.json"))
os.environ["CREDENTIALS_DIRECTORY"] = "/etc/ssl/province"
with tempfile.TemporaryDirectory(dir="/run") as os.environ["RUNTIME_DIRECTORY"]:
    print(json.dumps({name: copies.Site(plan, name).ask("HEAD", "config")[0] for name in plan["sites"]}))
"""
"""As the service would run; a unit of its own would cost a host more than the question."""
STRANGER = 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | openssl s_client -quiet -connect {address}:{port} 2>&1'


@NODES
def test_a_copy_at_every_site_is_young_enough(host: Connection, expected: Expected) -> None:
    """Before the first one, the age is that of the order to make them."""
    told = json.loads(host.check_output("python3 -I /usr/local/lib/province/copies status /etc/copies/plan.json"))
    assert set(told) == {one["site"] for one in expected.facts["copies_targets"]}
    assert {site: one["age_s"] for site, one in told.items() if one["age_s"] > expected.facts["copies_oldest_s"]} == {}


@NODES
def test_every_site_has_a_time_of_its_own(host: Connection, expected: Expected) -> None:
    """What the timers that are loaded say."""
    for one in expected.facts["copies_targets"]:
        words = "ActiveState,TimersCalendar,Unit"
        shown = host.check_output(f"systemctl show --property {words} copies-{one['site']}.timer").splitlines()
        assert "ActiveState=active" in shown
        assert f"Unit=copies@{one['site']}.service" in shown
        assert [line for line in shown if f"OnCalendar={one['calendar']} ;" in line], shown


@NODES
def test_the_doors_of_all_sites_know_this_node(host: Connection) -> None:
    """Asked with its own certificate for what it copied: it is there, or nothing was copied yet."""
    answers = json.loads(host.check_output("python3 -c %s", PROGRAM))
    assert set(answers.values()) <= {200, 404}, answers


@NODES
def test_only_root_reads_the_password_and_the_register_has_it_sealed(
    host: Connection, node: Host, expected: Expected
) -> None:
    """A burnt node's copies are opened by what it sealed when it was enrolled."""
    secret = host.file("/etc/copies/repository.key")
    assert (secret.user, secret.group, secret.mode) == ("root", "root", 0o600)
    sealed = host.check_output("cat /etc/copies/repository.key.pub")
    assert sealed == expected.trust.enrolled.keys[node.name]["repository"]


@STORES
def test_the_store_only_adds_and_nobody_but_the_door_reaches_it(host: Connection, expected: Expected) -> None:
    """What runs, as whom, and who may open its socket and its folder; accounts of its own."""
    for one in expected.facts["copies_stores"]:
        main = host.check_output("systemctl show --property MainPID --value copies-store.service")
        words = host.check_output(f"tr '\\0' ' ' < /proc/{main}/cmdline").split()
        assert "--append-only" in words
        assert words[words.index("--max-size") + 1] == str(expected.facts["copies_store_mb"] * 1_000_000)
        assert host.check_output(f"stat -c %u /proc/{main}") == str(one["store_uid"])
        assert host.check_output("stat -c '%U %G %a' /run/copies/store.sock") == "copies copies-door 660"
        assert host.check_output("stat -c '%U %a' /var/lib/copies") == "copies 700"
        door = host.check_output("systemctl show --property MainPID --value copies-door.service")
        assert host.check_output(f"stat -c %u /proc/{door}") == str(one["door_uid"])


@STORES
def test_the_door_answers_nobody_without_a_certificate(host: Connection, expected: Expected) -> None:
    for _ in expected.facts["copies_stores"]:
        said = host.run(STRANGER.format(address="127.0.0.1", port=expected.facts["copies_port"])).stdout
        assert "400 No required SSL certificate was sent" in said or "certificate required" in said, said
