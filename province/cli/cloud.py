"""`province cloud`: the matrix of the government cloud guideline, and the page that carries it."""

from __future__ import annotations

from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.fleet.cloud_table import PAGE, cloud_page
from province.fleet.fact import dump
from province.fleet.load import load_fleet


def cloud(
    as_json: Json = False,
    write: Annotated[bool, typer.Option("--write", help=f"Write it to {PAGE}.")] = False,
) -> None:
    """Show what the government cloud guideline asks, where it is declared, what proves it and what stays open."""
    fleet = load_fleet("production")
    rows = fleet.registers.cloud_criteria.rows
    if as_json:
        print_json([{**dump(row), "state": row.state} for row in rows])
    elif write:
        (fleet.root.parent / PAGE).write_text(cloud_page(rows), encoding="utf-8")
    else:
        typer.echo(cloud_page(rows), nl=False)
