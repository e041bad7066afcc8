"""Watchers at work on real hosts: they see every host, and what is wrong reaches the log host once for its cause."""

from __future__ import annotations

import base64
import json
import secrets
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.verify.transport import connect

from .conftest import Command, wait_until
from .people import CONFIG
from .test_identity import ALARMS, ARRIVES, LOG_HOST, as_root, next_alarm

pytestmark = [pytest.mark.lab, pytest.mark.proves(96)]

FLEET = load_fleet("lab")
WATCHERS = [host.name for host in FLEET.hosts.values() if Duty.MONITORING in host.duties]
CASES = Path(__file__).parent / "alert_rules.yml"
ALERTS = "http://127.0.0.1:9093/api/v2/alerts"
POST = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "application/json"})
urllib.request.urlopen(request, timeout=10)
"""
FIRING = 'ALERTS{alertname="HostSilent", alertstate="firing"}'
QUERY = "promtool query instant --format=json http://127.0.0.1:9090 %s"


@pytest.fixture(params=WATCHERS)
def watcher(request: pytest.FixtureRequest) -> Connection:
    return connect(request.param, CONFIG)


def found(watcher: Connection, query: str) -> dict[str, float]:
    """What a watcher knows, by host."""
    rows = json.loads(watcher.check_output(QUERY % shlex.quote(query)))
    return {row["metric"].get("host", ""): float(row["value"][1]) for row in rows}


def test_every_watcher_sees_every_host(watcher: Connection) -> None:
    """Nodes through their tunnels, both sites from each: the end of one blinds nobody."""
    wait_until(lambda: found(watcher, 'up{host!=""}') == dict.fromkeys(FLEET.hosts, 1.0), "figures of all hosts")


def test_every_watcher_knows_in_which_state_hosts_are(watcher: Connection) -> None:
    wait_until(lambda: set(found(watcher, "province_facts_seconds")) == set(FLEET.hosts), "facts of all hosts")
    nodes = {host.name for host in FLEET.hosts.values() if host.host_class == "edge"}
    assert set(found(watcher, "province_path_in_use")) == nodes


def test_rules_speak_when_they_must_and_are_silent_otherwise(watcher: Connection) -> None:
    """Prometheus' own test of rules, on the rules that the host has loaded."""
    cases = base64.b64encode(CASES.read_bytes()).decode()
    said = watcher.run(
        f"file=$(mktemp); echo {cases} | base64 -d > $file; promtool test rules $file; code=$?; rm $file; exit $code"
    )
    assert said.rc == 0, said.stdout + said.stderr


class Invented:
    """Alerts about hosts that do not exist, told to the alertmanager of the log host's own site."""

    def __init__(self) -> None:
        self.mark = f"proof-{secrets.token_hex(4)}"
        self._told: list[dict[str, Any]] = []

    def tell(self, *alerts: dict[str, str]) -> None:
        """Alerts by their labels begin, all at once."""
        self._told += [
            {"labels": {"severity": "page", **labels}, "annotations": {"summary": "invented by a test"}}
            for labels in alerts
        ]
        self._send(self._told)

    def end(self) -> None:
        """All of them are over."""
        over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        self._send([{**one, "endsAt": over} for one in self._told])

    @staticmethod
    def _send(alerts: list[dict[str, Any]]) -> None:
        as_root(LOG_HOST)(f"python3 -c {shlex.quote(POST)} {ALERTS} {shlex.quote(json.dumps(alerts))}")


@pytest.fixture
def invented() -> Iterator[Invented]:
    one = Invented()
    yield one
    one.end()


def test_one_cause_is_one_alarm(invented: Invented) -> None:
    """A commune that does not answer is told as such, its two hosts are not; a host elsewhere is."""
    commune = f"{invented.mark}-commune"
    line = next_alarm()
    invented.tell({"alertname": "CommuneSilent", "commune": commune})
    as_root(LOG_HOST)(ARRIVES % (f"CommuneSilent.*{commune}", line, ALARMS))
    hosts = [f"{invented.mark}-{body}" for body in ("party", "people")]
    elsewhere = f"{invented.mark}-elsewhere"
    invented.tell(
        *({"alertname": "HostSilent", "commune": commune, "host": host} for host in hosts),
        {"alertname": "HostSilent", "commune": f"{commune}-other", "host": elsewhere},
    )
    as_root(LOG_HOST)(ARRIVES % (f"HostSilent.*{elsewhere}", line, ALARMS))
    told = as_root(LOG_HOST)(f"tail -n +{line} {ALARMS}")
    assert not [host for host in hosts if host in told]


@pytest.mark.soak
def test_a_commune_without_power_is_one_alarm_at_each_site(province: Command) -> None:
    """Both nodes are off: within a few questions the commune is an alarm, and its hosts are none."""
    commune = next(host.commune for host in FLEET.hosts.values() if host.commune)
    nodes = [host.name for host in FLEET.hosts.values() if host.commune == commune]
    line = next_alarm()
    try:
        for node in nodes:
            assert province("lab", "off", node).returncode == 0
        wait_until(
            lambda: f"CommuneSilent commune={commune}" in as_root(LOG_HOST)(f"tail -n +{line} {ALARMS} || true"),
            "the alarm of the commune",
            within_s=3.0 * FLEET.province.monitoring.silent_s,
        )
        # Long enough for the hosts to be alerts themselves, which nobody is told.
        wait_until(
            lambda: set(found(connect(LOG_HOST, CONFIG), FIRING)) >= set(nodes),
            "alerts of both hosts",
            within_s=3.0 * FLEET.province.monitoring.silent_s,
        )
        told = as_root(LOG_HOST)(f"tail -n +{line} {ALARMS}")
        assert not [node for node in nodes if f"HostSilent host={node}" in told]
    finally:
        assert province("lab", "up").returncode == 0
