"""Attacks are looked for where they would pass, by an engine that has read all its rules, and fresh ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

pytestmark = pytest.mark.hosts("gateway")


def asked(host: Connection, command: str) -> Any:
    """What the running engine answers over its socket (suricatasc(1))."""
    return json.loads(host.check_output(f"suricatasc -c {command}"))["message"]


@control(23)
def test_every_way_into_a_gateway_is_watched(host: Connection, expected: Expected) -> None:
    """The tunnels, whose packets are in the clear there, and the lines from outside (TCVN 14423:2026, 5.12.2.2a)."""
    lines = {one["device"] for one in expected.facts["interfaces"] if not one["zone"]}
    assert set(asked(host, "iface-list")["ifaces"]) == {one["device"] for one in expected.tunnels} | lines


@control(23)
def test_the_engine_has_read_every_rule_there_is(host: Connection) -> None:
    """None was left out as wrong, none waits for the next start (TCVN 14423:2026, 5.12.2.2a)."""
    there = host.check_output("cat /usr/share/intrusion-rules/*.rules /etc/suricata/province.rules | grep -c ^alert")
    (read,) = asked(host, "ruleset-stats")
    assert (read["rules_loaded"], read["rules_failed"]) == (int(there), 0)
    assert read["rules_loaded"] > 0


@control(23)
def test_rules_are_fresh(host: Connection, expected: Expected) -> None:
    """Their version is the day on which they were made (TCVN 14423:2026, 5.12.2.2a)."""
    made = host.check_output("dpkg-query --show --showformat '${Version}' intrusion-rules")
    age = datetime.now(UTC) - datetime.strptime(made, "%Y%m%d").replace(tzinfo=UTC)
    assert 0 <= age.days <= expected.facts["platform_signatures_days"]


@control(23)
def test_the_engine_uses_the_rules_that_were_delivered_last(host: Connection) -> None:
    """It read them after they came, not only at its start (TCVN 14423:2026, 5.12.2.2a)."""
    (read,) = asked(host, "ruleset-reload-time")
    came = host.check_output("stat --format %Y /var/lib/dpkg/info/intrusion-rules.list")
    at = host.check_output(f"date --date '{read['last_reload']}' +%s")
    assert int(at) >= int(came)
