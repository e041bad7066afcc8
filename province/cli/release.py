"""`province release`: what changed since a release, what to do for it, and the changelog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.errors import ExitCode
from province.fleet.load import inventories_root
from province.releases.change import load_history
from province.releases.changelog import FILE, changelog
from province.releases.upgrade import upgrade

app = typer.Typer(no_args_is_help=True)


@app.command("plan")
def plan(
    since: Annotated[str, typer.Option("--from", help="The release that the hosts have, such as 0.1.0.")],
    as_json: Json = False,
) -> None:
    """Every step from a release to what lies here, each once, and what each change is for."""
    changes = load_history(_checkout()).since(since)
    way = upgrade(changes, since)
    if as_json:
        print_json({"changes": [one.number for one in changes], "steps": way.steps if way else ()})
        return
    for one in changes:
        typer.echo(f"{one.number:04}  {one.said.title}\n      hosts: {one.said.hosts}")
    if way is None:
        typer.echo(f"nothing since {since} touches hosts")
        return
    typer.echo("\nSteps, from above to below:")
    for step in way.steps:
        typer.echo(f"  {step}")
    typer.echo("\nThe way back of each change is in its file below ansible/changes/.")


@app.command("notes")
def notes(
    write: Annotated[bool, typer.Option("--write", help="Write the file if it differs.")] = False,
    as_json: Json = False,
) -> None:
    """Is the changelog in step with releases and changes? Without --write exit code 5 when it is not."""
    checkout = _checkout()
    file, text = checkout / FILE, changelog(load_history(checkout))
    same = file.is_file() and file.read_text(encoding="utf-8") == text
    if write and not same:
        file.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"file": FILE, "in_step": same, "written": write and not same})
    else:
        typer.echo(f"{'as it was' if same else 'wrote' if write else 'differs'}  {FILE}")
    if not (same or write):
        raise typer.Exit(ExitCode.DRIFT)


def _checkout() -> Path:
    return inventories_root().parent
