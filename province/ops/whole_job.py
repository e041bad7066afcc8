"""The whole job, in order: hosts configured, hosts verified, clusters filled, report written.

Each step is the plain command that a person would type; this only calls them, counts, and stops at the first
that fails.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import descriptor_path
from province.fleet.fleet import Fleet
from province.ops import stacks
from province.ops.stacks import COLOURS
from province.ops.workplace import Outcome, Workplace

RECAP = re.compile(r"^(?!localhost\b)(\S+)\s*: ok=\d+\s+changed=(\d+)", re.MULTILINE)
ANSIBLE_CODES = {4: ExitCode.UNREACHABLE}
"""What ansible-playbook's own codes are to us; any other but 0 is a failure (2: a task failed on a host)."""
OUR_CODES = {int(code): code for code in ExitCode}
"""The command `province` ends with the codes that it documents."""


@dataclass(frozen=True)
class Step:
    """What a step did: a line for people, and whether anything changed."""

    name: str
    line: str
    changed: bool
    seconds: float


def configure(work: Workplace, *, check: bool = False, playbook: str = "site", variables: Sequence[str] = ()) -> Step:
    """Apply a playbook to its hosts; with `check` only find out what would change. `variables`: `name=value`."""
    words = ["ansible-playbook", "-i", f"inventories/{work.environment}", f"ansible/playbooks/{playbook}.yml"]
    words += [word for one in variables for word in ("--extra-vars", one)]
    outcome = work.run(playbook, [*words, *(["--check", "--diff"] if check else [])])
    _stop_if_failed(f"ansible-playbook {playbook}.yml", outcome, ANSIBLE_CODES)
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


def verify(work: Workplace) -> Step:
    """Verify every host; anything but a pass or a written waiver ends the job."""
    outcome = work.run("verify", [sys.executable, "-m", "province", "verify", "-e", work.environment])
    _stop_if_failed("province verify", outcome, OUR_CODES)
    summary = [line for line in COLOURS.sub("", outcome.text).splitlines() if " pass" in line]
    return Step("verify", summary[-1].strip("= ") if summary else "", changed=False, seconds=outcome.seconds)


def fill_clusters(work: Workplace, fleet: Fleet) -> Iterator[Step]:
    """Run `pulumi up` for every site with a cluster, the primary one first."""
    for site in fleet.data_centres:
        run = stacks.up(work, stack_of(work, site.id), descriptor_path(fleet.root, work.environment, site.id))
        yield Step(run.stack, run.line, run.changed, run.seconds)


def find_drift(work: Workplace, fleet: Fleet) -> Iterator[Step]:
    """What the playbook would change on hosts, and what differs in the clusters; nothing is touched."""
    yield configure(work, check=True)
    for site in fleet.data_centres:
        run = stacks.drift(work, stack_of(work, site.id), descriptor_path(fleet.root, work.environment, site.id))
        line = f"{run.line}: {run.log}" if run.changed else "as declared"
        yield Step(run.stack, line, run.changed, run.seconds)


def stack_of(work: Workplace, site: str) -> str:
    """The stack that holds the systems of a site."""
    return f"{work.environment}.{site}.systems"


def write_report(work: Workplace) -> Step:
    """Write the report of the newest evidence."""
    outcome = work.run("report", [sys.executable, "-m", "province", "report", "-e", work.environment])
    _stop_if_failed("province report", outcome, OUR_CODES)
    return Step("report", outcome.text.strip().splitlines()[-1], changed=False, seconds=outcome.seconds)


def whole_job(fleet: Fleet, say: Callable[[Step], None]) -> bool:
    """Do every step; True when anything changed.

    Raises ProvinceError at the first step that fails, with the end of what it printed.
    """
    work = Workplace.of(fleet)
    changed = False
    for step in _steps(work, fleet):
        say(step)
        changed = changed or step.changed
    return changed


def _steps(work: Workplace, fleet: Fleet) -> Iterator[Step]:
    yield configure(work)
    yield verify(work)
    yield from fill_clusters(work, fleet)
    yield write_report(work)


def _stop_if_failed(what: str, outcome: Outcome, codes: Mapping[int, ExitCode]) -> None:
    if outcome.code != 0:
        raise ProvinceError(
            f"{what} ended with exit code {outcome.code}\n{outcome.tail}",
            hint=f"everything it printed: {outcome.log}",
            exit_code=codes.get(outcome.code, ExitCode.FAILED),
        )
