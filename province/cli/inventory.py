"""`province inventory`: what Ansible reads."""

from __future__ import annotations

from province.cli.options import Environment, print_json
from province.fleet.load import load_fleet
from province.manifest.inventory import inventory as fleet_inventory


def inventory(environment: Environment = "lab") -> None:
    """Print groups and all host variables, as the inventory plugin hands them to Ansible."""
    print_json(fleet_inventory(load_fleet(environment)))
