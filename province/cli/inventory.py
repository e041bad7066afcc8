"""`province inventory`: what Ansible reads."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from province.cli.options import Environment, Json, print_json
from province.fleet.load import load_fleet
from province.manifest.inventory import inventory as fleet_inventory


def inventory(environment: Environment = "lab", as_json: Json = False) -> None:
    """List the hosts of an environment; with --json, groups and all variables as Ansible gets them."""
    fleet = load_fleet(environment)
    if as_json:
        print_json(fleet_inventory(fleet, datetime.now(UTC)))
        return
    for host in fleet.hosts.values():
        place = host.site or f"{host.commune} wave {host.wave}"
        typer.echo(f"{host.name:<32} {host.host_class:<14} {host.management.ipv4.ip!s:<16} {place}")
