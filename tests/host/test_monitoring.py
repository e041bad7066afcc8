"""Those who watch ask every host, know what is wrong, and have somebody to tell."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected

pytestmark = [pytest.mark.hosts("monitoring"), pytest.mark.proves(96)]

PROMETHEUS = "http://127.0.0.1:9090/api/v1"
ANSWER = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"


def asked(host: Connection, path: str) -> Any:
    """What Prometheus answers to a question (its HTTP API, version 1)."""
    told = json.loads(host.check_output(f"python3 -c {shlex.quote(ANSWER)} {shlex.quote(f'{PROMETHEUS}/{path}')}"))
    assert told["status"] == "success"
    return told["data"]


def test_every_host_of_the_province_is_asked(host: Connection, expected: Expected) -> None:
    """A host that nobody asks is one that nobody misses."""
    targets = asked(host, "targets?state=active")["activeTargets"]
    declared = {one["name"] for one in expected.facts["watched_hosts"]}
    assert {target["labels"]["host"] for target in targets if "host" in target["labels"]} == declared


def test_every_entrance_of_the_site_is_asked(host: Connection, expected: Expected) -> None:
    """What users are promised is judged by what the entrances count."""
    targets = asked(host, "targets?state=active")["activeTargets"]
    declared = {one["name"] for one in expected.facts["watched_entrances"]}
    assert {target["labels"]["job"] for target in targets if "entrance" in target["labels"]} == declared


def test_every_rule_can_be_judged(host: Connection) -> None:
    """A rule that fails says nothing, which looks like good news."""
    rules = [rule for group in asked(host, "rules")["groups"] for rule in group["rules"]]
    assert {"HostSilent", "CommuneSilent", "ProvinceSilent"} <= {rule["name"] for rule in rules}
    assert {rule["name"]: rule.get("lastError") for rule in rules if rule["health"] == "err"} == {}


def test_somebody_takes_the_alerts(host: Connection) -> None:
    """What is found reaches the program that tells it on."""
    assert len(asked(host, "alertmanagers")["activeAlertmanagers"]) == 1
    assert host.check_output("systemctl is-active prometheus-alertmanager alert-log").split() == ["active", "active"]
