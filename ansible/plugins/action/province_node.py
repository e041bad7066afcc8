"""Brings a host to its declared state: one round trip when nothing differs, confirmed over a new connection else."""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleActionSkip, AnsibleConnectionFailure
from ansible.plugins.loader import become_loader, connection_loader, shell_loader

from ansible.plugins.action import ActionBase
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.render import TEMPLATES, renderer
from province.manifest.roles import load_capabilities, named_by_tags
from province.manifest.trust import load_trust
from province.ops import node_talk, node_wire
from province.ops.node_wire import COMMAND, NodeTrouble

CONFIRM_SECONDS = 300
"""How long a node waits for its confirmation; the variable `confirm_seconds` says otherwise."""

# Ansible imports this before it forks its workers: they inherit what is compiled and loaded here.
renderer(TEMPLATES).compile_all(load_capabilities())
node_wire.bootstrap()
node_wire.code_digest()
for loader, plugin in ((connection_loader, "ssh"), (become_loader, "sudo"), (shell_loader, "sh")):
    loader.get(plugin, class_only=True)


class ActionModule(ActionBase):  # type: ignore[misc]
    """The controller's half of `province_node`; the other half stays on the node, no module is copied there."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build, apply, and return what the host says; errors of the model name their file, without a traceback."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, arguments = self.validate_argument_spec(
            {
                "capability": {"type": "list", "elements": "str", "default": []},
                "tagged": {"type": "bool", "default": False},
                "lacks": {"type": "list", "elements": "str", "default": []},
                "reason": {"type": "str", "default": ""},
                "confirm_seconds": {"type": "int", "default": int(variables.get("confirm_seconds", CONFIRM_SECONDS))},
            }
        )
        name = variables["inventory_hostname"]
        try:
            tags = variables["ansible_run_tags"] if arguments["tagged"] else ()
            only = (*arguments["capability"], *named_by_tags(tags))
            builder = _builder(str(variables["environment_id"]))
            manifest = builder.build(builder.fleet.hosts[name], only=only)
            if not manifest.parts:
                raise AnsibleActionSkip("; ".join(manifest.waits) or f"{name} has no capability {' or '.join(only)}")
            wish = node_talk.Wish(
                digest=manifest.digest,
                manifest=manifest.desired,
                only=only,
                reason=arguments["reason"] or str(variables.get("reason", "")),
                confirm_seconds=arguments["confirm_seconds"],
                check=bool(self._task.check_mode),
                lacks=tuple(arguments["lacks"]),
            )
            result = node_talk.apply(self, wish)
        except NodeTrouble as trouble:
            return {"failed": True, "msg": str(trouble)}
        except ProvinceError as error:
            raise AnsibleActionFail(str(error)) from None
        except Unreachable as error:
            raise AnsibleConnectionFailure(str(error)) from None
        shown: dict[str, Any] = {"changed": bool(result.changes), "changes": result.changes}
        shown["foreign"] = result.foreign
        if notes := [*result.notes, *manifest.advice]:
            shown["warnings"] = notes
        if self._task.diff:
            shown["diff"] = result.diff
        return shown

    def send(self, request: bytes) -> str:
        """Run the node's command with a request on its standard input (see `node_wire.Contact`)."""
        try:
            done = self._low_level_execute_command(COMMAND, sudoable=True, in_data=request)
        except AnsibleConnectionFailure as error:
            raise Unreachable(str(error)) from None
        if done["rc"] != 0:
            raise NodeTrouble(f"the node's code ended with {done['rc']}:\n{done['stderr'] or done['stdout']}")
        return str(done["stdout"])

    def renew(self) -> None:
        """Close the kept connection, so that the next one has to find its way anew."""
        self._connection.reset()


class Unreachable(ConnectionError):
    """Ansible could not reach the host."""


@cache
def _builder(environment: str) -> Builder:
    """The builder of an environment; a worker process inherits the fleet that the inventory has loaded."""
    fleet = load_fleet(environment)
    return Builder(fleet, load_trust(fleet))
