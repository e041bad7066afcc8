"""Connections of forwarding hosts, and of those through which people pass, are known at the log host."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.arrival import Arrivals
from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = pytest.mark.hosts("edge", "gateway", "bastion")

KEPT = "flows.log"
MARK = "SPT=2[0-9]{4} DPT=2514"
CONNECT = """python3 -c 'import random, socket, sys; one, port = socket.socket(), random.randrange(20000, 30000)
one.bind(("", port)); one.settimeout(5); one.connect((sys.argv[1], 2514)); print(port)' %s"""
"""A connection to the log host's door, which every host may open, from a port that nothing else comes from."""


@control(22)
def test_a_connection_is_told_to_the_log_host(
    host: Connection, node: Host, expected: Expected, arrivals: Arrivals
) -> None:
    """Who spoke with whom can be found out afterwards, by others than those who did (TCVN 14423:2026, 5.13.2.4)."""
    port = host.check_output(CONNECT, expected.facts["log_servers"][0]["ipv4"])
    for log_host in expected.log_hosts:
        there = arrivals.has(log_host, node.name, f"SPT={port} DPT=2514", file=KEPT, pattern=MARK)
        assert there, f"the connection from port {port} did not reach {log_host} within 20 s"


@control(22)
def test_packets_and_bytes_of_a_connection_are_counted(sysctls: dict[str, str]) -> None:
    """How much went is what tells a leak from a question (TCVN 14423:2026, 5.13.2.4)."""
    assert sysctls["net.netfilter.nf_conntrack_acct"] == "1"
