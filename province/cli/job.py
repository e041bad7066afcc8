"""`province up`, `apply`, `drift`: the whole job, or its first leg, or what it would change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from province.cli.lab import report as lab_report
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode
from province.fleet.check import blockers
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import provision
from province.ops import whole_job
from province.ops.whole_job import Step
from province.ops.workplace import Workplace


def up(environment: Environment = "lab", as_json: Json = False) -> None:
    """Do the whole job: boot (lab only), configure, verify, fill the clusters, report."""
    fleet = _ready(environment)
    steps: list[Step] = []

    def say(step: Step) -> None:
        steps.append(step)
        if not as_json:
            _print(step)

    changed = False
    if environment == provision.LAB:
        booted = provision.up(fleet)
        changed = booted.changed
        if not as_json:
            lab_report(booted, as_json=False)
    changed = whole_job.whole_job(fleet, say) or changed
    if as_json:
        print_json({"changed": changed, "steps": [vars(step) for step in steps]})
    elif not changed:
        typer.echo("nothing changed")


def apply(
    environment: Environment = "lab",
    as_json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Only say what would change.")] = False,
) -> None:
    """Configure every host with the playbook `site`."""
    step = whole_job.configure(Workplace.of(_ready(environment)), check=check)
    print_json(vars(step)) if as_json else _print(step)


def drift(environment: Environment = "lab", as_json: Json = False) -> None:
    """Say what on hosts and clusters is not as declared, without touching it; exit 5 when something is not."""
    fleet = load_fleet(environment)
    steps = list(whole_job.find_drift(Workplace.of(fleet), fleet))
    if as_json:
        print_json([vars(step) for step in steps])
    else:
        for step in steps:
            _print(step)
    if any(step.changed for step in steps):
        raise typer.Exit(int(ExitCode.DRIFT))


def _ready(environment: str) -> Fleet:
    """The fleet of an environment that may be applied; refuses one that waits for verified facts."""
    fleet = load_fleet(environment)
    if waiting := blockers(fleet, datetime.now(UTC).date()):
        raise BadData(waiting)
    return fleet


def _print(step: Step) -> None:
    minutes, seconds = divmod(round(step.seconds), 60)
    typer.echo(f"{step.name:<28} {step.line:<52} {minutes}:{seconds:02d}")
