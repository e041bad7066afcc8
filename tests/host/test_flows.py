"""Connections of forwarding hosts are known at the log host."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.arrival import arrived
from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = pytest.mark.hosts("edge", "gateway")

KEPT = "/var/log/hosts/%s/flows.log"
CONNECT = """python3 -c 'import socket, sys; one = socket.socket()
one.bind(("", int(sys.argv[2]))); one.settimeout(5); one.connect((sys.argv[1], 2514))' %s %s"""
"""A connection to the log host's door, which every host may open, from a port that nobody else uses."""


@control(22)
def test_a_connection_is_told_to_the_log_host(
    acting_host: Connection, node: Host, expected: Expected, connect_to: Callable[[str], Connection]
) -> None:
    """Who spoke with whom can be found out afterwards, by others than those who did (TCVN 14423:2026, 5.13.2.4)."""
    port = str(20000 + secrets.randbelow(10000))
    acting_host.check_output(CONNECT, expected.facts["log_server"]["ipv4"], port)
    log_host = connect_to(expected.log_host)
    assert arrived(log_host, f"SPT={port}", KEPT % node.name), (
        f"the connection from port {port} did not reach {expected.log_host} within 20 s"
    )


@control(22)
def test_packets_and_bytes_of_a_connection_are_counted(sysctls: dict[str, str]) -> None:
    """How much went is what tells a leak from a question (TCVN 14423:2026, 5.13.2.4)."""
    assert sysctls["net.netfilter.nf_conntrack_acct"] == "1"
