"""Hosts, by the plain commands that a person would type: configured by a playbook, verified by tests."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from province.errors import ExitCode, ProvinceError
from province.ops.step import Step
from province.ops.workplace import COLOURS, Outcome, Workplace

RECAP = re.compile(r"^(?!localhost\b)(\S+)\s*: ok=\d+\s+changed=(\d+)", re.MULTILINE)
ANSIBLE_CODES = {4: ExitCode.UNREACHABLE}
"""What ansible-playbook's own codes are to us; any other but 0 is a failure (2: a task failed on a host)."""
OUR_CODES = {int(code): code for code in ExitCode}
"""The command `province` ends with the codes that it documents."""


def configure(
    work: Workplace, *, check: bool = False, playbook: str = "site", limit: str = "", variables: Sequence[str] = ()
) -> Step:
    """Apply a playbook to its hosts, or to those of the group `limit`; with `check` only find out what would change.

    `variables`: `name=value`.
    """
    words = ["ansible-playbook", "-i", f"inventories/{work.environment}", f"ansible/playbooks/{playbook}.yml"]
    words += ["--limit", limit] if limit else []
    words += [word for one in variables for word in ("--extra-vars", one)]
    outcome = work.run(playbook, [*words, *(["--check", "--diff"] if check else [])])
    stop_if_failed(f"ansible-playbook {playbook}.yml", outcome, ANSIBLE_CODES)
    hosts = {name: int(count) for name, count in RECAP.findall(COLOURS.sub("", outcome.text))}
    if not hosts:
        raise ProvinceError(
            f"ansible-playbook {playbook}.yml reached no host",
            hint=f"everything it printed: {outcome.log}",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    changed = sum(count > 0 for count in hosts.values())
    line = f"{len(hosts)} hosts: {changed} changed, {len(hosts) - changed} unchanged"
    return Step(playbook, line, changed > 0, outcome.seconds)


def verify(work: Workplace, select: str = "") -> Step:
    """Verify every host, or those that `select` means; anything but a pass or a written waiver ends the job."""
    words = [sys.executable, "-m", "province", "verify", "-e", work.environment]
    outcome = work.run("verify", [*words, *(["--select", select] if select else [])])
    stop_if_failed("province verify", outcome, OUR_CODES)
    summary = [line for line in COLOURS.sub("", outcome.text).splitlines() if " pass" in line]
    return Step("verify", summary[-1].strip("= ") if summary else "", changed=False, seconds=outcome.seconds)


def stop_if_failed(what: str, outcome: Outcome, codes: Mapping[int, ExitCode]) -> None:
    """Raise ProvinceError with the end of what a command printed, unless it ended well."""
    if outcome.code != 0:
        raise ProvinceError(
            f"{what} ended with exit code {outcome.code}\n{outcome.tail}",
            hint=f"everything it printed: {outcome.log}",
            exit_code=codes.get(outcome.code, ExitCode.FAILED),
        )
