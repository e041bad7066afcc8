"""`province check`: whether all data is valid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.fleet.check import blockers
from province.fleet.findings import BadData
from province.fleet.load import load_fleet
from province.manifest.enrolment import not_enrolled
from province.manifest.trust import register_of


def check(
    environment: Environment = "lab",
    as_json: Json = False,
    ready: Annotated[
        bool, typer.Option("--ready", help="Also report what blocks applying it, and hosts not enrolled.")
    ] = False,
) -> None:
    """Validate every file of the model; print all findings, or what the model holds."""
    try:
        fleet = load_fleet(environment)
        waiting = blockers(fleet, datetime.now(UTC).date())
        if ready and (open_points := [*waiting, *not_enrolled(fleet, register_of(fleet), datetime.now(UTC))]):
            raise BadData(open_points)
    except BadData as error:
        if not as_json:
            raise
        print_json([finding.as_dict() for finding in error.findings])
        raise typer.Exit(int(error.exit_code)) from None
    if as_json:
        print_json([])
        return
    units = ", ".join(f"{count} {kind}" for kind, count in fleet.province.units.items())
    typer.echo(f"{fleet.province.name.vi}: {len(fleet.communes)} communes ({units}), {len(fleet.nodes)} nodes")
    typer.echo(
        f"{len(fleet.sites)} sites, {len(fleet.systems)} systems, {len(fleet.endpoints)} external endpoints, "
        f"{len(fleet.controls)} controls, {len(fleet.features)} rows of the mission"
    )
    typer.echo(f"environment {environment}: {len(fleet.hosts)} hosts; no problems")
    if unnamed := fleet.registers.unnamed_contacts:
        typer.echo(f"{len(unnamed)} of {len(fleet.registers.incident_contacts.rows)} incident contacts are not named")
    if waiting:
        typer.echo(f"{len(waiting)} unverified facts block applying it: province check -e {environment} --ready")
