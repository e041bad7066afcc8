"""`province schedule`: units that verify every host and look for drift every night."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.exports import folder
from province.fleet.load import load_fleet
from province.ops.schedule import Schedule
from province.verify.checkout import CHECKOUT

TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def schedule(
    into: Annotated[Path, typer.Option(help="The folder for the units.")] = Path(".province/schedule"),
    environment: Environment = "production",
    account: Annotated[str, typer.Option(help="The account that asks; it owns .province.")] = "",
    at: Annotated[str, typer.Option(help="When, as HH:MM in Việt Nam.")] = "02:17",
    as_json: Json = False,
) -> None:
    """Write the services and timers of a desk that verifies every night; docs/runbooks/every-night.md installs them."""
    if not TIME.fullmatch(at):
        raise ProvinceError(f"--at {at}: not a time of day", hint="for example 02:17", exit_code=ExitCode.USAGE)
    fleet = load_fleet(environment)
    wanted = Schedule(CHECKOUT, fleet.environment.id, account or getpass.getuser(), at)
    plan = folder.plan(into.absolute(), wanted.units())
    folder.carry_out(plan)
    if as_json:
        print_json({"folder": plan.folder, "written": plan.changed})
        return
    for name in plan.files:
        typer.echo(f"{'wrote' if name in plan.changed else 'same '}  {plan.folder / name}")
