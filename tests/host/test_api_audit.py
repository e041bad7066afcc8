"""Who asked the API server for what is known at the log host, where nobody who is asked about can change it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.arrival import arrived
from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = [pytest.mark.hosts("control-plane"), pytest.mark.proves(31, 78)]

KEPT = "/var/log/hosts/%s/api-audit.log"
ASK = "kubectl --kubeconfig /etc/kubernetes/admin.conf get --ignore-not-found namespace %s"


@control(66)
def test_a_question_to_the_api_server_is_told_to_the_log_host(
    acting_host: Connection, node: Host, expected: Expected, connect_to: Callable[[str], Connection]
) -> None:
    """Whatever it asks for, there or not; here a name that nobody has asked for before (TCVN 14423:2026, 5.8.2.1a)."""
    name = f"nobody-{secrets.token_hex(6)}"
    acting_host.check_output(ASK % name)
    for log_host in expected.log_hosts:
        assert arrived(connect_to(log_host), name, KEPT % node.name, seconds=30), (
            f"the question for {name} did not reach {log_host} within 30 s"
        )
