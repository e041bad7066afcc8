"""Builds a host's manifest on the controller and sends it to the host in one round trip."""

from __future__ import annotations

import base64
import getpass
import socket
import zlib
from functools import cache
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleActionSkip

from ansible.plugins.action import ActionBase
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import load_trust


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `province_node`."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build, send, and return what the host says; errors of the model name their file, without a traceback."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, arguments = self.validate_argument_spec(
            {"capability": {"type": "str"}, "reason": {"type": "str", "default": ""}}
        )
        name = variables["inventory_hostname"]
        capability = arguments["capability"]
        try:
            builder = _builder(str(variables["environment_id"]))
            host = builder.fleet.hosts[name]
            manifest = builder.build(host, only=capability)
        except ProvinceError as error:
            raise AnsibleActionFail(str(error)) from None
        waits = [f"{name}: {what} waits for {' and '.join(needs)}" for what, needs in manifest.waiting.items()]
        if not manifest.capabilities:
            raise AnsibleActionSkip("; ".join(waits) or f"{name} has no capability {capability}")
        note = {
            "digest": "" if capability else manifest.digest,
            "controller": f"{getpass.getuser()}@{socket.gethostname()}",
            "reason": arguments["reason"] or str(variables.get("reason", "")),
        }
        packed = base64.b64encode(zlib.compress(manifest.canonical().encode(), 9)).decode()
        result: dict[str, Any] = self._execute_module(
            module_name="province_node", module_args={"manifest": packed, "note": note}, task_vars=variables
        )
        result.pop("invocation", None)
        if waits:
            result["warnings"] = [*result.get("warnings", ()), f"{'; '.join(waits)}: run the playbook enrol"]
        return result


@cache
def _builder(environment: str) -> Builder:
    """The builder of an environment; a worker process inherits the fleet that the inventory has loaded."""
    fleet = load_fleet(environment)
    return Builder(fleet, load_trust(fleet))
