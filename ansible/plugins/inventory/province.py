"""The inventory plugin: hosts, groups and variables computed from the model, none typed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError

from ansible.plugins.inventory import BaseInventoryPlugin
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.inventory import inventory

DOCUMENTATION = """
name: province
short_description: The province's model as an inventory
description:
  - Reads C(inventories/<environment>/environment.yml) and the facts in C(inventories/fleet).
  - Groups hosts by class, site, commune, body, wave and duty, and gives each host its flat view of the model.
options:
  plugin:
    description: Marks the file as a source for this plugin.
    required: true
    choices: [province]
    type: str
author: [The authors of this repository]
"""

SOURCE = "environment.yml"


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]
    """`ansible-inventory -i inventories/lab --graph` shows what it finds."""

    NAME = "province"

    def verify_file(self, path: str) -> bool:
        """Whether a file is an environment's."""
        return Path(path).name == SOURCE and bool(super().verify_file(path))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: ARG002
        """Fill Ansible's inventory; problems of the data are shown as `province check` shows them."""
        super().parse(inventory, loader, path)
        folder = Path(path).resolve().parent
        try:
            found = _found(folder)
        except ProvinceError as error:
            raise AnsibleParserError(str(error)) from None
        common = _common(list(found["hosts"].values()))
        for key, value in common.items():
            self.inventory.set_variable("all", key, value)
        for name, variables in found["hosts"].items():
            self.inventory.add_host(name)
            for key, value in variables.items():
                if key not in common:
                    self.inventory.set_variable(name, key, value)
        for group, names in found["groups"].items():
            self.inventory.add_group(group)
            for name in names:
                self.inventory.add_host(name, group)


def _common(hosts: list[dict[str, object]]) -> dict[str, object]:
    """The variables that are the same for all hosts: Ansible copies every one that it is given, once for each host."""
    first, *others = hosts or [{}]
    return {key: value for key, value in first.items() if all(one.get(key) == value for one in others)}


def _found(folder: Path) -> dict[str, Any]:
    return inventory(load_fleet(folder.name, folder.parent), datetime.now(UTC))
