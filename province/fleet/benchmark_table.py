"""The items of the CIS Kubernetes Benchmark as a page, written from the register so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterable

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
    listed = list(rows)
    summed = ", ".join(f"{len(items_in(listed, state))} {state}" for state in BenchmarkState)
    lines = [HEAD.format(version=version), f"{len(every_item())} items: {summed}.", ""]
    for section, (name, _) in SECTIONS.items():
        lines += [f"## {section} {name}", "", *_table(row for row in listed if row.section == section), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(rows: Iterable[BenchmarkRow]) -> list[str]:
    head = ["| items | what | state | shown by | otherwise, or not shown |", "|---|---|---|---|---|"]
    return head + [
        f"| {', '.join(row.items)} | {row.name.en}<br/>{row.name.vi} | {row.state} | {_code(row.proven_by)} "
        f"| {row.open or '–'} |"
        for row in rows
    ]


def _code(names: Iterable[str]) -> str:
    return "<br/>".join(f"`{name}`" for name in names) or "–"
