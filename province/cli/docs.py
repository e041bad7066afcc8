"""`province docs`: the pages of the model, and whether those that are filed are in step with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.docs.pages import FOLDER, pages
from province.errors import ExitCode
from province.exports import folder
from province.fleet.load import load_fleet


def docs(
    write: Annotated[bool, typer.Option("--write", help="Write what differs, remove what no system needs.")] = False,
    into: Annotated[Path | None, typer.Option(help=f"Another folder than {FOLDER}.")] = None,
    as_json: Json = False,
) -> None:
    """Pages about all systems, written from the model; without --write, say which of them are not in step (exit 5)."""
    fleet = load_fleet("production")
    plan = folder.plan(into.absolute() if into else fleet.root.parent / FOLDER, pages(fleet))
    if write:
        folder.carry_out(plan)
    if as_json:
        print_json({"written" if write else "changed": plan.changed, "removed" if write else "stale": plan.stale})
    else:
        words = ("wrote", "removed") if write else ("differs", "stale")
        for word, names in zip(words, (plan.changed, plan.stale), strict=True):
            for name in names:
                typer.echo(f"{word:<8} {name}")
        typer.echo(f"{len(plan.files)} pages: {len(plan.files) - len(plan.changed)} in step with the model")
    if not write and (plan.changed or plan.stale):
        raise typer.Exit(ExitCode.DRIFT)
