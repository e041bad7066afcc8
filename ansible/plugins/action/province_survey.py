"""Renders the manifest of every host of a play, or knows it, and asks all hosts at once which of them differ from it.

Of those that differ, one host of each kind checks its files. Nothing is changed; what is wrong stops the play before
any host is touched.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
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
from province.manifest.inventory import sockets, ssh_config
from province.manifest.manifest import Manifest
from province.manifest.remembered import Known
from province.manifest.rendering import Rendering
from province.manifest.roles import named_by_tags
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
            rendering = Rendering.of(fleet, only)
            client = _client(ssh_config(fleet))
            survey = Survey(lambda name: [*client, name], context.CLIARGS["forks"])
            known: dict[str, Known] = {}
            found = survey.ask(_wishes(rendering, variables["ansible_play_hosts_all"], known))
            _refuse_others(known, variables.get("planned_digests", {}))
            rendering.save()
            others = [rendering.whole(name) for name in known if name not in found.held]
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
                for note in (*(f"{name}: {note}" for note in told.notes), *known[name].advice)
            ],
        }


def _wishes(rendering: Rendering, names: Iterable[str], known: dict[str, Known]) -> Iterator[tuple[str, Wish]]:
    """What is wished of every host that the run is about; fills `known` as it goes, while hosts are asked already."""
    for name in names:
        known[name] = one = rendering.known(name)
        if not one.empty:
            yield name, Wish(one.digest, partial(rendering.desired, name), rendering.only)


def _refuse_others(known: Mapping[str, Known], planned: Mapping[str, str]) -> None:
    """Stop when hosts would get something else than what was planned; `planned` are digests by host.

    A roll-out takes its time, and whoever agreed to it agreed to what the model wanted then.
    """
    other = [name for name, one in known.items() if planned.get(name, one.digest) != one.digest]
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
