"""Changes of the tunnels themselves: one end alone would lose them and goes back, both ends at once come through."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import Trust, load_trust
from province.manifest.tunnels import tunnel_devices
from province.ops import node_talk
from province.ops.node_ssh import SshContact
from province.ops.node_wire import NodeTrouble, ask, request

from .conftest import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.proves(21, 96)]

FLEET = load_fleet("lab")
ENDS = [host for host in FLEET.hosts.values() if host.host_class in ("edge", "gateway")]
NODE = next(host for host in ENDS if host.host_class == "edge")
OTHER_PORT = 52820


def with_ports(first: int) -> Fleet:
    """The same province with the tunnels' ends at other ports."""
    routing = FLEET.province.routing.model_copy(update={"first_tunnel_port": first})
    return replace(FLEET, province=FLEET.province.model_copy(update={"routing": routing}))


def with_foreign_keys(node: Host) -> Trust:
    """A register in which every gateway of a node has the key of another one.

    Another port would not do: a packet that is under way while it changes tells both ends where to go on (roaming).
    """
    trust = load_trust(FLEET)
    ends = [(peer["name"], peer["device"]) for device in tunnel_devices(FLEET, node) for peer in device["peers"]]
    keys = {host: dict(own) for host, own in trust.enrolled.keys.items()}
    for (host, device), (other, theirs) in zip(ends, ends[1:] + ends[:1], strict=True):
        keys[host][device] = trust.enrolled.keys[other][theirs]
    return replace(trust, enrolled=replace(trust.enrolled, keys=keys))


def apply(fleet: Fleet, hosts: Iterable[Host], trust: Trust | None = None) -> list[list[str]]:
    """Bring hosts to what a province wants of them, all at once; the changes of each."""
    builder = Builder(fleet, trust or load_trust(FLEET))

    def one(host: Host) -> list[str]:
        manifest = builder.build(host)
        wish = node_talk.Wish(manifest.digest, manifest.desired, reason="fault test")
        return node_talk.apply(SshContact(FLEET, host.name), wish).changes

    chosen = list(hosts)
    with ThreadPoolExecutor(len(chosen)) as pool:
        return list(pool.map(one, chosen))


def all_stand(host: Host) -> bool:
    """Whether every tunnel of a host carries a session."""
    wanted = sum(len(device["peers"]) for device in tunnel_devices(FLEET, host))
    words = SshContact(FLEET, host.name).words("birdc show protocols")
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return said.count("Established") >= wanted


def test_a_change_that_costs_a_node_all_its_tunnels_goes_back_by_itself() -> None:
    """Management still reaches the node over its bare line, so the lost tunnels are noticed by the node alone."""
    wait_until(lambda: all_stand(NODE), "all tunnels before")
    with pytest.raises(NodeTrouble, match=r"nobody answers at the far end of any tunnel(.|\n)*put back"):
        apply(FLEET, [NODE], with_foreign_keys(NODE))
    assert ask(SshContact(FLEET, NODE.name), request("status"))["differs"] == []
    wait_until(lambda: all_stand(NODE), "all tunnels afterwards")


@pytest.mark.soak
def test_both_ends_of_all_tunnels_are_changed_at_once() -> None:
    """Each end waits for the other; none takes the change back, and every session stands again."""
    wait_until(lambda: all_stand(NODE), "all tunnels before")
    try:
        for changes in apply(with_ports(OTHER_PORT), ENDS):
            assert any(change.startswith("change /etc/wireguard/") for change in changes)
        for host in ENDS:
            wait_until(lambda host=host: all_stand(host), f"all tunnels of {host.name}")  # type: ignore[misc]
    finally:
        apply(FLEET, ENDS)
    wait_until(lambda: all_stand(NODE), "all tunnels as they were")
