"""`province signatures`: who can sign until when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.ops.question import over_ssh
from province.signatures import figures, register
from province.signatures.made_up import made_up, wanted
from province.signatures.row import Kind, Signature
from province.signatures.table import table_text

app = typer.Typer(no_args_is_help=True)

SHOWN = 20


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with serial,kind,holder,unit,issuer,begins,ends in its first line.")
    ],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Take a list into the register, all of it or nothing; what it does not name stays. Exit 3 names every bad cell."""
    done = register.take_in(register.folder_of(load_fleet(environment)), file)
    if as_json:
        print_json(vars(done))
        return
    typer.echo(f"{len(done.new)} new, {len(done.changed)} changed, {done.same} as before")
    if done.unnamed:
        typer.echo(f"{done.unnamed} that the list does not name stay as they are")


@app.command()
def status(environment: Environment = "lab", as_json: Json = False) -> None:
    """Say how many certificates of each kind are known, of how many that were counted, and when they end."""
    fleet = load_fleet(environment)
    rows = register.load(register.folder_of(fleet))
    steps = register.by_time(rows, _today())
    if as_json:
        print_json({kind: {"counted": wanted(fleet, kind), **steps[kind]} for kind in Kind})
        return
    for kind in Kind:
        words = "   ".join(f"{name} {count}" for name, count in steps[kind].items())
        typer.echo(f"{kind:<13} {sum(steps[kind].values()):>6} of {wanted(fleet, kind)} counted   {words}")


@app.command()
def due(
    environment: Environment = "lab",
    days: Annotated[int, typer.Option(min=0, help="How far ahead to look.")] = 30,
    whole: Annotated[bool, typer.Option("--all", help="Every one of them, not only the first.")] = False,
    as_json: Json = False,
) -> None:
    """List certificates that are over or end soon. Exit 5 when there are any, 6 without a register."""
    rows = _known(load_fleet(environment))
    today = _today()
    found = register.due(rows, today, days)
    if as_json:
        print_json([{**row.model_dump(mode="json"), "days_left": row.days_left(today)} for row in found])
    else:
        for row in found if whole else found[:SHOWN]:
            left = row.days_left(today)
            when = f"over for {-left} d" if left < 0 else f"{left} d left"
            typer.echo(f"{row.ends}   {when:<14} {row.kind:<13} {row.holder}   {row.unit}   {row.serial}")
        if len(found) > SHOWN and not whole:
            typer.echo(f"and {len(found) - SHOWN} more: --all")
        typer.echo(f"{len(found)} of {len(rows)} are over or end within {days} days")
    if found:
        raise typer.Exit(int(ExitCode.DRIFT))


@app.command()
def tell(
    environment: Environment = "lab",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else it is only said.")] = False,
) -> None:
    """Tell the watchers how many certificates end when, so that alerts speak of them; names stay here. Once a week.

    Exit 4 when a watcher could not be told, 6 without a register.
    """
    fleet = load_fleet(environment)
    text = figures.figures(_known(fleet), _today(), datetime.now(UTC))
    if not yes:
        typer.echo(f"{text}{', '.join(figures.watchers(fleet))} would be told; repeat it with --yes")
        return
    missed = figures.tell(fleet, over_ssh(fleet), text)
    for host in figures.watchers(fleet):
        typer.echo(f"{host:<32} {missed.get(host, 'told')}")
    if missed:
        raise typer.Exit(int(ExitCode.UNREACHABLE))


def _known(fleet: Fleet) -> dict[str, Signature]:
    """The register; ProvinceError before the first import."""
    rows = register.load(register.folder_of(fleet))
    if not rows:
        raise ProvinceError(
            "no list was imported yet, so nobody knows what is due",
            hint="province signatures import FILE",
            exit_code=ExitCode.NOTHING_SELECTED,
        )
    return rows


@app.command()
def sample(
    file: Annotated[Path, typer.Argument(help="Where to write the list.")], environment: Environment = "lab"
) -> None:
    """Write a list of certificates that nobody has, as many as were counted; refused where people are real."""
    rows = made_up(load_fleet(environment), _today())
    file.write_text(table_text(rows), encoding="utf-8")
    typer.echo(f"{len(rows)} certificates in {file}; province signatures import {file}")


def _today() -> date:
    return datetime.now(UTC).astimezone(LOCAL).date()
