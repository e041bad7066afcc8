"""The items of the CIS Kubernetes Benchmark as a page, written from the register so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterable

from province.docs.page import code, listed, table
from province.fleet.benchmark import SECTIONS, BenchmarkRow, BenchmarkState, every_item, items_in

PAGE = "docs/cis-kubernetes.md"

HEAD = """\
# CIS Kubernetes Benchmark {version}: what is proven, what is otherwise
<!-- written by `province cloud --write` from inventories/fleet/registers/cis-kubernetes.yml -->

Every item of the benchmark stands in one row; its numbers were read second hand (source R3), the wording is ours.
*Proven*: a test on the running cluster or on what is declared shows it. *Otherwise*: a test shows what is there, which
is not the letter of the benchmark; the last column says why. *Open*: no test of ours shows it. Those under `tests/host`
run with every `province verify`, and what they found is filed as evidence.
"""


def benchmark_page(rows: Iterable[BenchmarkRow], version: str) -> str:
    """The whole page: how many items are how far, then a table for each section."""
    items = list(rows)
    summed = ", ".join(f"{len(items_in(items, state))} {state}" for state in BenchmarkState)
    lines = [HEAD.format(version=version), f"{len(every_item())} items: {summed}.", ""]
    for section, (name, _) in SECTIONS.items():
        lines += [f"## {section} {name}", "", *_table(row for row in items if row.section == section), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(rows: Iterable[BenchmarkRow]) -> list[str]:
    columns = ("items", "what", "state", "shown by", "otherwise, or not shown")
    return table(columns, map(_cells, rows))


def _cells(row: BenchmarkRow) -> tuple[str | None, ...]:
    shown_by = listed(map(code, row.proven_by))
    return ", ".join(row.items), listed((row.name.en, row.name.vi)), row.state, shown_by, row.open
