"""Renders the manifest of every host of a play, or knows it, and asks all hosts at once which of them differ from it.

Of those that differ, one host of each kind checks its files. Nothing is changed; what is wrong stops the play before
any host is touched.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.loader import connection_loader

from ansible import constants, context
from ansible.plugins.action import ActionBase
from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.inventory import sockets, ssh_config
from province.manifest.manifest import Manifest
from province.manifest.remembered import Known, Memory
from province.manifest.roles import named_by_tags
from province.manifest.trust import load_trust
from province.ops.node_talk import Wish
from province.ops.survey import Survey


class ActionModule(ActionBase):  # type: ignore[misc]
    """For `run_once`, whose failure ends the play for all hosts."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render, ask, and rehearse; the template or fact that is wrong is named with its file and line.

        Returns `held`, the hosts whose turn can be left out, `foreign`, what nobody declared on them, and `lacks`,
        what others have to be sent. The whole state is rendered whatever the tags say, because its parts have to fit.
        The variable `planned_digests`, by host, says which manifests were planned: others are refused.
        """
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, arguments = self.validate_argument_spec({"capability": {"type": "list", "elements": "str", "default": []}})
        try:
            only = (*arguments["capability"], *named_by_tags(variables["ansible_run_tags"]))
            if skipped := variables.get("ansible_skip_tags"):
                raise ProvinceError(
                    f"--skip-tags {','.join(skipped)}: a host's state is applied as a whole",
                    hint="name with --tags what shall be applied",
                    exit_code=ExitCode.USAGE,
                )
            fleet = load_fleet(str(variables["environment_id"]))
            memory = Memory.of(fleet)
            rendering = _Rendering(Builder(fleet, load_trust(fleet)), memory, only)
            client = _client(ssh_config(fleet))
            survey = Survey(lambda name: [*client, name], context.CLIARGS["forks"])
            found = survey.ask(rendering.wishes(variables["ansible_play_hosts_all"]))
            rendering.refuse_others(variables.get("planned_digests", {}))
            memory.save()
            others = [rendering.whole(name) for name in rendering.known if name not in found.held]
            if findings := _refused(fleet, others):
                raise BadData(findings)
        except ProvinceError as error:
            raise AnsibleActionFail(f"no host was touched: {error}") from None
        return {
            "changed": False,
            "held": list(found.held),
            "lacks": found.lacks,
            "foreign": {name: told.foreign for name, told in found.held.items() if told.foreign},
            "warnings": [
                note
                for name, told in found.held.items()
                for note in (*(f"{name}: {note}" for note in told.notes), *rendering.known[name].advice)
            ],
        }


@dataclass
class _Rendering:
    """The manifests of a play's hosts, each whole and as the part that the run is about, filled as they are made.

    What was rendered before from the same sources is known without rendering it.
    """

    builder: Builder
    memory: Memory
    only: tuple[str, ...]
    known: dict[str, Known] = field(default_factory=dict)
    _whole: dict[str, Manifest] = field(default_factory=dict)

    def wishes(self, names: Iterable[str]) -> Iterator[tuple[str, Wish]]:
        """What is wished of every host that the run is about."""
        for name in names:
            self.known[name] = known = self.memory.find(name, self.only) or self._render(name)
            if not known.empty:
                yield name, Wish(known.digest, partial(self._desired, name), self.only)

    def whole(self, name: str) -> Manifest:
        """All that a host has to be."""
        if name not in self._whole:
            self._whole[name] = self.builder.build(self.builder.fleet.hosts[name])
        return self._whole[name]

    def _render(self, name: str) -> Known:
        self.whole(name)
        known = Known.of(self._part(name))
        self.memory.add(name, self.only, known)
        return known

    def _part(self, name: str) -> Manifest:
        """What the run is about."""
        return self.builder.build(self.builder.fleet.hosts[name], only=self.only) if self.only else self.whole(name)

    def _desired(self, name: str) -> object:
        return self._part(name).desired()

    def refuse_others(self, planned: Mapping[str, str]) -> None:
        """Stop when hosts would get something else than what was planned; `planned` are digests by host.

        A roll-out takes its time, and whoever agreed to it agreed to what the model wanted then.
        """
        other = [name for name, one in self.known.items() if planned.get(name, one.digest) != one.digest]
        if other:
            raise ProvinceError(f"the model changed since the plan: {' '.join(other)} would get something else")


def _refused(fleet: Fleet, manifests: list[Manifest]) -> list[Finding]:
    """What programs of one host of each kind have against files; most runs have nothing to ask them."""
    if not manifests:
        return []
    from province.ops.rehearsal import one_of_each_kind, rehearse  # noqa: PLC0415 - takes a fifth of a second

    of = {manifest.host: manifest for manifest in manifests}
    return rehearse(fleet, [of[host.name] for host in one_of_each_kind(fleet.hosts[name] for name in of)])


def _client(config: Path) -> list[str]:
    """A client that uses, or leaves behind, the connection that Ansible's own would."""
    connection_loader.get("ssh", class_only=True)  # its settings are known once it is loaded
    kept = constants.config.get_config_value("ssh_args", plugin_type="connection", plugin_name="ssh")
    place = Path(sockets(config)).expanduser()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return ["ssh", "-F", str(config), "-o", "BatchMode=yes", *shlex.split(kept), "-o", f"ControlPath={place}/%C"]
