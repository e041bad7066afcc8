"""Reads the public halves of the keys that a host made for itself; the private ones stay where they are."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible.plugins.action import ActionBase
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in


class ActionModule(ActionBase):  # type: ignore[misc]
    """One command on the host; returns `public`: place on the host → text."""

    _supports_check_mode = True
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read them; in check mode those that the host has not made yet are left out."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            fleet = load_fleet(str(variables["environment_id"]))
            keys = Builder(fleet, stand_in(fleet)).keys(fleet.hosts[variables["inventory_hostname"]])
        except ProvinceError as error:
            raise AnsibleActionFail(str(error)) from None
        places = [key.public(path) for path, key in keys.items()]
        words = " ".join(shlex.quote(place) for place in places)
        done = self._low_level_execute_command(f"grep -H '' -- {words}", sudoable=True)
        if done["rc"] and not self._task.check_mode:
            raise AnsibleActionFail(f"the host has not made all of its keys: {done['stderr'].strip()}")
        return {"changed": False, "public": _texts(done["stdout"], places)}


def _texts(printed: str, places: list[str]) -> dict[str, str]:
    """What grep printed, `place:line` for each line, as texts by place."""
    texts = dict.fromkeys(places, "")
    for line in printed.splitlines():
        place, _, text = line.partition(":")
        if place in texts:
            texts[place] += f"{text}\n"
    return {place: text for place, text in texts.items() if text}
