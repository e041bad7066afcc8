"""Restart one service on hosts, in batches."""

from __future__ import annotations

import re
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.hosts import Host
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble, must

UNIT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9:_.@-]*$")
CUTS_OFF = ("ssh", "systemd-networkd", "nftables", "province-tunnel@", "dbus", "systemd-")
"""Beginnings of names of units whose restart may cut a host off or stop it; their way is a guarded change."""


class RestartService(Action):
    """Restart one systemd service on hosts, canaries first, and see it active again on each batch before the next.

    When: a service hangs or leaks, its hosts are otherwise as declared, and its log shows no reason that a restart
    would hide. Collect evidence first if you do not know why it hangs.

    Blast radius: this service on the hosts of one batch at a time, never both bodies of a commune, never two hosts of
    one role at one site. What may cut a host off (SSH, network, firewall, tunnels) is refused: change it by
    `province apply`, which goes back by itself.

    Way back: none is needed; a service that does not come up is reported and the run stops at its batch. The state that
    it had in memory is gone.
    """

    verb: ClassVar[str] = "restart-service"
    commands: ClassVar[tuple[str, ...]] = (
        "province op restart-service HOST --service chrony",
        'province op restart-service HOST --service chrony --reason "clock stands still" --ticket OPS-114 --go',
    )

    @property
    def unit(self) -> str:
        """The unit's full name.

        Raises ProvinceError for what is no unit, or one that must not be restarted this way.
        """
        name = self.arguments["service"].removesuffix(".service")
        if not UNIT.match(name):
            raise ProvinceError(f"{name!r} is no name of a service", hint="as `systemctl` knows it, for example chrony")
        if name.startswith(CUTS_OFF):
            raise ProvinceError(
                f"a restart of {name} may cut hosts off",
                hint="make it a change: `province apply` goes back by itself when a host cannot be reached any more",
                exit_code=ExitCode.USAGE,
            )
        return f"{name}.service"

    def pre(self, scene: Scene, host: Host) -> str:
        """The unit must be there."""
        state = self._state(scene, host)
        if state["LoadState"] != "loaded":
            raise ActionTrouble(f"has no {self.unit} ({state['LoadState']})")
        return f"restart {self.unit}, which is {state['ActiveState']}"

    def act(self, scene: Scene, host: Host) -> str:
        """Restart it."""
        before = self._state(scene, host)["InvocationID"]
        must(scene.remote, host.name, ["systemctl", "restart", self.unit], 120)
        after = self._state(scene, host)
        if after["InvocationID"] == before:
            raise ActionTrouble(f"{self.unit} runs on as before; it was not restarted")
        return f"restarted {self.unit}; it is {after['ActiveState']}"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """It must be active, and not on its way down again."""
        state = self._state(scene, host)
        good = state["ActiveState"] == "active" or (state["Type"], state["Result"]) == ("oneshot", "success")
        return "" if good else f"{self.unit} is {state['ActiveState']} ({state['Result']})"

    def _state(self, scene: Scene, host: Host) -> dict[str, str]:
        wanted = "LoadState,ActiveState,Result,InvocationID,Type"
        printed = must(scene.remote, host.name, ["systemctl", "show", f"--property={wanted}", self.unit])
        return dict.fromkeys(wanted.split(","), "") | dict(line.split("=", 1) for line in printed.splitlines() if line)
