"""The tunnels as they are: who is at the other end, what it may send, and that it answers."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.verify import facts
from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = pytest.mark.hosts("edge", "gateway")

REJECTED_AFTER = 180
"""Seconds after which WireGuard takes no packet of an old handshake (its specification, section 6.1)."""


@control(20)
@pytest.mark.proves(21, 96)
def test_peers_are_those_of_the_inventory(host: Connection, expected: Expected) -> None:
    """Nobody else has a key, and nobody sends from another's addresses (TCVN 14423:2026, 5.5.2.1a)."""
    assert facts.parse_peers(host.check_output(facts.PEERS)) == expected.peers


@control(20)
def test_every_tunnel_is_up(host: Connection) -> None:
    """The backups, too: a path that fails when it is needed is none."""
    ages = facts.parse_handshakes(host.check_output(facts.HANDSHAKES))
    assert ages
    assert {peer: age for peer, age in ages.items() if age > REJECTED_AFTER} == {}


def test_private_keys_are_for_root_alone(host: Connection, expected: Expected) -> None:
    """They were made here and never leave."""
    names = " ".join(f"/etc/wireguard/{one['device']}.key" for one in expected.tunnels)
    assert set(host.check_output(f"stat -c '%U:%G %a' {names}").splitlines()) == {"root:root 600"}
