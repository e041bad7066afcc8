"""`province cloud`: what the government cloud guideline and the clusters' benchmark ask, and their pages."""

from __future__ import annotations

from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.docs import cis_kubernetes, cloud_criteria
from province.fleet.benchmark import BENCHMARK
from province.fleet.fact import dump
from province.fleet.load import load_fleet

WRITTEN = f"Write both, to {cloud_criteria.PAGE} and {cis_kubernetes.PAGE}."


def cloud(
    as_json: Json = False,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="The CIS Kubernetes Benchmark instead.")] = False,
    write: Annotated[bool, typer.Option("--write", help=WRITTEN)] = False,
) -> None:
    """Show what the government cloud guideline asks, where it is declared, what proves it and what stays open."""
    fleet = load_fleet("production")
    rows = fleet.registers.cis_kubernetes.rows if benchmark else fleet.registers.cloud_criteria.rows
    pages = {
        cloud_criteria.PAGE: cloud_criteria.cloud_page(fleet.registers.cloud_criteria.rows),
        cis_kubernetes.PAGE: cis_kubernetes.benchmark_page(
            fleet.registers.cis_kubernetes.rows, fleet.registers.version_of(BENCHMARK)
        ),
    }
    if as_json:
        print_json([{**dump(row), "state": row.state} for row in rows])
    elif write:
        for place, text in pages.items():
            (fleet.root.parent / place).write_text(text, encoding="utf-8")
    else:
        typer.echo(pages[cis_kubernetes.PAGE if benchmark else cloud_criteria.PAGE], nl=False)
