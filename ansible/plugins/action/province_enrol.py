"""Takes what hosts have shown of their keys into the register of the environment, on the controller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible.plugins.action import ActionBase
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.ops.enrol import register


class ActionModule(ActionBase):  # type: ignore[misc]
    """`public`: host → place of a public half → its text, as `province_public` returns it for one host."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Register and sign; names the hosts whose request waits for the keeper of the authority."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec({"public": {"type": "dict", "required": True}})
        environment = str((task_vars or {})["environment_id"])
        try:
            done = register(
                load_fleet(environment),
                {str(host): dict(shown) for host, shown in arguments["public"].items()},
                datetime.now(UTC),
                write=not self._task.check_mode,
            )
        except ProvinceError as error:
            raise AnsibleActionFail(str(error)) from None
        result: dict[str, Any] = {"changed": done.changed, "keys": done.keys, "signed": done.signed}
        if done.requested:
            waiting = ", ".join(done.requested)
            result["warnings"] = [
                f"not enrolled yet, the authority's keeper has to sign (province sign -e {environment}): {waiting}"
            ]
        return result
