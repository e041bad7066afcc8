"""What a host tells those who watch, and whom it tells nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.verify.asking import Caller, ask

pytestmark = pytest.mark.proves(96)

FIGURES = "/metrics"
PORT = 9100
ENDS = 'date --utc +%s --date "$(openssl x509 -noout -enddate -in /etc/ssl/province/host.pem | cut -d= -f2)"'
FACTS = " && echo && ".join(
    [
        "systemctl start host-facts.service && cat /run/host-facts/province.prom",
        "cat /var/lib/province/applied.json",
        ENDS,
    ]
)
"""What the host tells, read anew; then its own record of what was applied, and the end of its certificate."""


@dataclass(frozen=True)
class Told:
    """What a host tells, by figure and labels, and what is so."""

    figures: dict[str, float]
    generation: int
    certificate_ends: float


@pytest.fixture(scope="session")
def told(host: Connection) -> Told:
    """Figures in Prometheus' text format."""
    lines = host.check_output(FACTS).splitlines()
    end = lines.index("")
    figures = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines[:end])}
    return Told(figures, json.loads("".join(lines[end:-1]))["generation"], float(lines[-1]))


def test_what_only_the_host_knows_is_told_as_it_is(told: Told) -> None:
    """The state that was applied and the end of the certificate, compared with the host itself; nothing is left out."""
    assert told.figures["province_facts_silent"] == 0
    assert told.figures["province_state_generation"] == told.generation
    assert told.figures["province_certificate_ends_seconds"] == told.certificate_ends


@pytest.mark.hosts("edge", "gateway")
def test_every_tunnel_is_told(told: Told) -> None:
    """How many stand of how many, for each path."""
    paths = [name.partition("{")[2] for name in told.figures if name.startswith("province_tunnels_declared")]
    assert paths
    for path in paths:
        standing, declared = (told.figures[f"province_tunnels_{word}{{{path}"] for word in ("standing", "declared"))
        assert 0 < standing <= declared


@pytest.fixture(scope="session")
def answers(host: Connection, node: Host) -> dict[Caller, str]:
    """What the host says to itself, to somebody whose certificate nobody signed, and to somebody without one."""
    callers: list[Caller] = ["host", "stranger", "nobody"]
    lines = host.check_output(ask(node.fqdn, FIGURES, port=PORT, callers=callers)).splitlines()
    return dict(zip(callers, lines, strict=True))


def test_who_shows_no_certificate_is_told_nothing(answers: dict[Caller, str]) -> None:
    """How busy a host is and what it holds helps an attacker."""
    assert "certificate required" in answers["nobody"]
    assert "unknown ca" in answers["stranger"]


def test_only_those_who_watch_are_told(answers: dict[Caller, str], node: Host) -> None:
    """A certificate of the province is not enough: a host that was taken over learns nothing of the others."""
    assert answers["host"] == "200" if Duty.MONITORING in node.duties else "bad certificate" in answers["host"]
