"""OSCAL assessment results (NIST, release 1.2): what a tool for audits imports.

A host is an inventory item, each control on a host an observation, each control a finding. It is satisfied only where
every host that it applies to passed; waived, unreachable, unknown, old and never asked are not satisfied, each with its
own remark. Identifiers follow from the evidence, so the same evidence gives the same document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from province.verify.pages.by_control import Controls, OnHost, Standing
from province.verify.pages.view import Report
from province.verify.standing import State

VERSION = "1.2.1"
OURS = uuid5(NAMESPACE_URL, "https://province.example/evidence")
METHOD = "TEST"


def as_oscal(report: Report, controls: Controls) -> str:
    """The document as JSON."""
    asked = [one for one in controls.standings.values() if one.on_hosts]
    runs = "+".join(one.run.run for one in report.evidence)
    started = report.evidence[0].run.started if report.evidence else report.made
    result: dict[str, Any] = {
        "uuid": _id("result", runs),
        "title": f"Verification of hosts, {report.fleet.province.name.en}",
        "description": "Effective state of hosts, read by tests; one observation for each control on each host.",
        "start": started.isoformat(),
        "end": max((record.time for _, record in _records(report)), default=report.made).isoformat(),
        "local-definitions": {"inventory-items": [_item(report, name) for name in report.fleet.hosts]},
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": _control(one)} for one in asked]}]
        },
        "observations": [_observation(runs, one, on_host, report) for one in asked for on_host in one.on_hosts],
        "findings": [_finding(runs, one) for one in asked],
    }
    document = {
        "uuid": _id("document", runs, report.made.isoformat()),
        "metadata": {
            "title": f"Assessment results, environment {report.fleet.environment.id}",
            "last-modified": report.made.isoformat(),
            "version": runs or "none",
            "oscal-version": VERSION,
        },
        "import-ap": {"href": "#assessment-plan", "remarks": "The plan is the model: inventories/fleet/controls.yml."},
        "results": [{key: value for key, value in result.items() if value != []}],
    }
    return json.dumps({"assessment-results": document}, ensure_ascii=False, indent=1) + "\n"


def _item(report: Report, name: str) -> dict[str, Any]:
    host = report.fleet.hosts[name]
    properties = {"fqdn": host.fqdn, "asset-type": host.host_class}
    return {
        "uuid": _id("host", name),
        "description": f"{name}, {report.place(host)}",
        "props": [{"name": key, "value": value} for key, value in properties.items()],
    }


def _observation(runs: str, one: Standing, on_host: OnHost, report: Report) -> dict[str, Any]:
    tests = ", ".join(record.test for record in on_host.records) or "no check was run"
    newest = max((record.time for record in on_host.records), default=report.made)
    return {
        "uuid": _id("observation", runs, _control(one), on_host.host.name),
        "title": f"{_control(one)} on {on_host.host.name}: {on_host.state}",
        "description": f"{one.control.name.en}; read by: {one.control.verified_by}; checks: {tests}",
        "methods": [METHOD],
        "subjects": [{"subject-uuid": _id("host", on_host.host.name), "type": "inventory-item"}],
        "collected": newest.isoformat(),
        "props": [{"name": "state", "ns": "https://province.example/ns/oscal", "value": str(on_host.state)}],
    }


def _finding(runs: str, one: Standing) -> dict[str, Any]:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(one.counts.items()))
    passed = one.state is State.PASS
    status = {"state": "satisfied" if passed else "not-satisfied", "reason": "pass" if passed else _reason(one.state)}
    return {
        "uuid": _id("finding", runs, _control(one)),
        "title": one.control.name.en,
        "description": f"Hosts: {counts}.",
        "target": {"type": "objective-id", "target-id": _control(one), "status": status | {"remarks": counts}},
        "related-observations": [
            {"observation-uuid": _id("observation", runs, _control(one), on_host.host.name)} for on_host in one.on_hosts
        ],
    }


def _reason(state: State) -> str:
    """OSCAL knows pass, fail and other: only what was seen to be wrong has failed."""
    return "fail" if state is State.FAIL else "other"


def _control(one: Standing) -> str:
    return f"control-{one.control.id}"


def _records(report: Report) -> Iterable[tuple[str, Any]]:
    return ((name, record) for name in report.fleet.hosts for record in report.records.get(name, {}).values())


def _id(*parts: str) -> str:
    found: UUID = uuid5(OURS, "/".join(parts))
    return str(found)
