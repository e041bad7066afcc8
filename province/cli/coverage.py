"""`province coverage`: every row of the mission, where it is declared and what proves it."""

from __future__ import annotations

import sys
from collections import Counter

import typer
from rich.console import Console
from rich.table import Table

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode
from province.fleet.coverage import CoverageRow, check_coverage, coverage, find_configured, find_proofs
from province.fleet.findings import describe
from province.fleet.load import load_fleet

WIDTH_WITHOUT_TERMINAL = 160
"""Columns for a table that goes to a file or a pipe."""


def show_coverage(environment: Environment = "lab", as_json: Json = False) -> None:
    """List the rows of the mission; exit 1 when one is not declared or not proven by any test."""
    fleet = load_fleet(environment)
    checkout = fleet.root.parent
    proofs = find_proofs(checkout / "tests")
    rows = coverage(fleet, proofs, find_configured(checkout))
    if as_json:
        print_json([row.as_dict() for row in rows])
    else:
        _print(rows)
    if findings := check_coverage(fleet, rows, proofs):
        typer.echo(describe(findings), err=True)
        raise typer.Exit(int(ExitCode.FAILED))


def _print(rows: tuple[CoverageRow, ...]) -> None:
    table = Table("row", "component", "declared in", "tests", "state", box=None, pad_edge=False)
    for row in rows:
        table.add_row(str(row.id), row.component, _few(row.declared_in), str(len(row.tests)), row.state)
    Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL).print(table)
    counted = Counter(row.state for row in rows)
    typer.echo(f"{len(rows)} rows: " + ", ".join(f"{count} {state}" for state, count in sorted(counted.items())))


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
