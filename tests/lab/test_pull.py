"""A real node without a controller: it fetches its bundle from a site, and mends by it what was changed by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from province.fleet.load import load_fleet
from province.ops.node_ssh import SshContact
from province.ops.node_wire import ask, request

from .conftest import Command, parsed

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
NODE = "phu-quoc-people"
"""On the island, so the line is the thinnest."""
STATE = "/var/lib/province"
ALONE = f"sudo touch --date '{FLEET.province.pull.silent_hours + 1} hours ago' {STATE}/contact {STATE}/applied.json"


def on(node: str, command: str) -> str:
    done = subprocess.run(["ssh", node, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{node}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def published(province: Command) -> Iterator[Any]:
    """The node's bundle at both sites."""
    done = province("node", "pull", "publish", NODE, "--reason", "lab test", "--yes", "--json")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    yield parsed(done)
    assert province("node", "pull", "withdraw", NODE, "--yes").returncode == 0


def tried(province: Command) -> Any:
    """Let the node try, and what it says of that."""
    on(NODE, "sudo systemctl start province-pull.service")
    return parsed(province("node", "pull", "status", NODE, "--json"))["nodes"][NODE]


def test_a_node_whose_controller_is_away_mends_itself_by_its_bundle(province: Command, published: Any) -> None:
    """As long as a controller was here lately, it waits for that."""
    assert published["sites"] == {site.id: {} for site in FLEET.data_centres}
    on(NODE, "echo '# by hand' | sudo tee -a /etc/motd")
    assert tried(province)["state"] == "waits"
    on(NODE, ALONE)
    told = tried(province)
    assert told["state"] == "applied", told
    assert told["applied"] == published["number"]
    assert "# by hand" not in on(NODE, "cat /etc/motd")
    node = ask(SshContact(FLEET, NODE), request("status"))
    assert node["differs"] == []
