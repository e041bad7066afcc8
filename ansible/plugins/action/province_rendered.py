"""Renders the manifest of every host of a play on the controller: what is wrong stops it before any is touched."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ansible.plugins.action import ActionBase
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import load_trust


class ActionModule(ActionBase):  # type: ignore[misc]
    """Contacts nobody; for `run_once`, whose failure ends the play for all hosts."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render; the first template or fact that is wrong is named with its file and line."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            fleet = load_fleet(str(variables["environment_id"]))
            builder = Builder(fleet, load_trust(fleet))
            for name in variables["ansible_play_hosts_all"]:
                builder.build(fleet.hosts[name])
        except ProvinceError as error:
            raise AnsibleActionFail(f"no host was touched: {error}") from None
        return {"changed": False}
