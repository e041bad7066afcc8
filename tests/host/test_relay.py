"""The queue of documents on a node and the hubs that copy it: whole, closed to others, and each domain by itself."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected

pytestmark = pytest.mark.proves(6, 12)

INSTANCES = pytest.mark.hosts("edge", "relay")
HUBS = pytest.mark.hosts("relay")
NODES = pytest.mark.hosts("edge")
PROGRAM = """
import importlib.machinery, json, sys
relay = importlib.machinery.SourceFileLoader("relay", "/usr/local/lib/province/relay").load_module()
server = relay.Server(json.load(open(sys.argv[1])))
print(json.dumps(server.ask("$JS.API.STREAM.LIST")))
"""


def streams(host: Connection, domain: str) -> list[dict[str, Any]]:
    """All streams of a domain's server, by its own interface, asked as a program of the host would."""
    command = f"CREDENTIALS_DIRECTORY=/etc/ssl/province python3 -c {shlex.quote(PROGRAM)} /etc/relay/{domain}.json"
    answer = json.loads(host.check_output(command))
    assert answer["total"] == len(answer["streams"])  # it tells 256 at a time
    found: list[dict[str, Any]] = answer["streams"]
    return found


@INSTANCES
def test_every_server_has_the_streams_that_are_declared(host: Connection, expected: Expected) -> None:
    """A node its own queue, a hub a copy of every node's of the domain."""
    for one in expected.facts["relay_instances"]:
        found = {stream["config"]["name"] for stream in streams(host, one["domain"])}
        assert {stream["name"] for stream in one["plan"]["streams"]} <= found


@NODES
def test_the_queue_refuses_when_it_is_full_and_forgets_nothing(host: Connection, expected: Expected) -> None:
    """What the server itself says of the queue: limits as declared, no age, the newest is refused."""
    for one in expected.facts["relay_instances"]:
        (declared,) = one["plan"]["streams"]
        configs = [stream["config"] for stream in streams(host, one["domain"])]
        (config,) = [one for one in configs if one["name"] == declared["name"]]
        assert {key: config[key] for key in declared} == declared
        assert config["max_age"] == 0


@INSTANCES
def test_each_domain_has_an_account_and_a_store_of_its_own(host: Connection, expected: Expected) -> None:
    """A server that was taken over reads nothing of the other domain."""
    for one in expected.facts["relay_instances"]:
        account = f"relay-{one['domain']}"
        assert host.user(account).uid == one["uid"]
        store = host.file(f"/var/lib/relay-{one['domain']}")
        assert (store.user, store.mode) == (account, 0o700)
        main = host.check_output(f"systemctl show --property MainPID --value relay@{one['domain']}.service")
        assert host.check_output(f"stat -c %U /proc/{main}") == account


@HUBS
def test_a_hub_takes_no_node_of_the_other_domain(expected: Expected, host: Connection) -> None:
    """Whom the running server would take: users of its configuration, which was loaded after its last change."""
    for one in expected.facts["relay_instances"]:
        names = {node["fqdn"] for node in one["nodes"]}
        others = {
            node["fqdn"] for other in expected.facts["relay_instances"] if other is not one for node in other["nodes"]
        }
        users = set(
            host.check_output(f"grep -o 'user: \"[^\"]*\"' /etc/relay/{one['domain']}.conf | cut -d'\"' -f2").split()
        )
        assert names <= users
        assert not users & others
