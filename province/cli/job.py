"""`province up`: the whole job."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from province.cli.lab import report as lab_report
from province.cli.options import Environment, Json
from province.cli.steps import show, to_stderr
from province.fleet.check import blockers
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import provision
from province.ops import whole_job
from province.ops.step import Step
from province.ops.workplace import Workplace


def up(environment: Environment = "lab", as_json: Json = False) -> None:
    """Do the whole job: boot (lab only), configure, verify, fill the clusters, report."""
    fleet = ready(environment)
    booted: list[Step] = []
    if environment == provision.LAB:
        report = provision.up(fleet)
        booted = [Step("boot", f"{len(report.steps)} steps", report.changed, sum(one.seconds for one in report.steps))]
        if not as_json:
            lab_report(report, as_json=False)
    done = show(whole_job.whole_job(_work(fleet), fleet), as_json=as_json, before=booted)
    if not (as_json or any(step.changed for step in done)):
        typer.echo("nothing changed")


def _work(fleet: Fleet) -> Workplace:
    return Workplace.of(fleet, to_stderr)


def ready(environment: str) -> Fleet:
    """The fleet of an environment that may be applied; refuses one that waits for verified facts."""
    fleet = load_fleet(environment)
    if waiting := blockers(fleet, datetime.now(UTC).date()):
        raise BadData(waiting)
    return fleet
