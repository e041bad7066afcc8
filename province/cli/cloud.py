"""`province cloud`: what the government cloud guideline and the clusters' benchmark ask, and their pages."""

from __future__ import annotations

from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.fleet import benchmark_table, cloud_table
from province.fleet.benchmark import BENCHMARK
from province.fleet.fact import dump
from province.fleet.load import load_fleet

WRITTEN = f"Write both, to {cloud_table.PAGE} and {benchmark_table.PAGE}."


def cloud(
    as_json: Json = False,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="The CIS Kubernetes Benchmark instead.")] = False,
    write: Annotated[bool, typer.Option("--write", help=WRITTEN)] = False,
) -> None:
    """Show what the government cloud guideline asks, where it is declared, what proves it and what stays open."""
    fleet = load_fleet("production")
    rows = fleet.registers.cis_kubernetes.rows if benchmark else fleet.registers.cloud_criteria.rows
    pages = {
        cloud_table.PAGE: cloud_table.cloud_page(fleet.registers.cloud_criteria.rows),
        benchmark_table.PAGE: benchmark_table.benchmark_page(
            fleet.registers.cis_kubernetes.rows, fleet.registers.version_of(BENCHMARK)
        ),
    }
    if as_json:
        print_json([{**dump(row), "state": row.state} for row in rows])
    elif write:
        for place, text in pages.items():
            (fleet.root.parent / place).write_text(text, encoding="utf-8")
    else:
        typer.echo(pages[benchmark_table.PAGE if benchmark else cloud_table.PAGE], nl=False)
