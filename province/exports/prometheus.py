"""For Prometheus: every host as a target of file-based service discovery (`file_sd_configs`).

A target has no port: which of a host's exporters is meant, the scrape job that reads the file adds by relabelling.
"""

from __future__ import annotations

import json

from province.exports.sources import Files, Sources
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host

FILE = "hosts.json"


def files(sources: Sources) -> Files:
    """One group for each host of the environment, by name."""
    fleet = sources.fleet
    groups = [{"targets": [host.fqdn], "labels": _labels(fleet, host)} for _, host in sorted(fleet.hosts.items())]
    return {FILE: json.dumps(groups, ensure_ascii=False, indent=1) + "\n"}


def _labels(fleet: Fleet, host: Host) -> dict[str, str]:
    """What alerts and dashboards select by; what a host has not is left out, as an empty label is none."""
    found = {
        "environment": fleet.environment.id,
        "host": host.name,
        "class": host.host_class,
        "site": host.site,
        "commune": host.commune and fleet.communes[host.commune].short,
        "commune_code": host.commune,
        "body": host.body and host.body.value,
        "wave": host.wave and str(host.wave),
    }
    return {name: value for name, value in found.items() if value}
