"""What a host tells those who watch, and whom it tells nothing."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.verify.asking import ask

pytestmark = pytest.mark.proves(96)

FIGURES = "/metrics"
PORT = 9100
FRESH = "systemctl start host-facts.service && cat /run/host-facts/province.prom"
APPLIED = "cat /var/lib/province/applied.json"
ENDS = 'date --utc +%s --date "$(openssl x509 -noout -enddate -in /etc/ssl/province/host.pem | cut -d= -f2)"'


def figures(text: str) -> dict[str, float]:
    """Figures by name, or by name and labels (Prometheus' text format)."""
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in text.splitlines())}


def test_what_only_the_host_knows_is_told_as_it_is(acting_host: Connection) -> None:
    """The state that was applied and the end of the certificate, compared with the host itself; nothing is left out."""
    told = figures(acting_host.check_output(FRESH))
    applied = json.loads(acting_host.check_output(APPLIED))
    assert told["province_facts_silent"] == 0
    assert told["province_state_generation"] == applied["generation"]
    assert told["province_certificate_ends_seconds"] == float(acting_host.check_output(ENDS))


@pytest.mark.hosts("edge", "gateway")
def test_every_tunnel_is_told(acting_host: Connection) -> None:
    """How many stand of how many, for each path."""
    told = figures(acting_host.check_output(FRESH))
    paths = [name.partition("{")[2] for name in told if name.startswith("province_tunnels_declared")]
    assert paths
    for path in paths:
        assert 0 < told[f"province_tunnels_standing{{{path}"] <= told[f"province_tunnels_declared{{{path}"]


def test_who_shows_no_certificate_is_told_nothing(host: Connection, node: Host) -> None:
    """How busy a host is and what it holds helps an attacker."""
    assert "certificate required" in host.check_output(ask(node.fqdn, FIGURES, port=PORT, caller="nobody"))
    assert "unknown ca" in host.check_output(ask(node.fqdn, FIGURES, port=PORT, caller="stranger"))


def test_only_those_who_watch_are_told(host: Connection, node: Host) -> None:
    """A certificate of the province is not enough: a host that was taken over learns nothing of the others."""
    answer = host.check_output(ask(node.fqdn, FIGURES, port=PORT))
    assert answer == "200" if Duty.MONITORING in node.duties else "bad certificate" in answer
