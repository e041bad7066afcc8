"""The matrix of the government cloud guideline as a page, written from the register so that it cannot go stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from province.docs.page import code, listed, table
from province.fleet.cloud import CloudPart, CloudRequirement, CloudState

PAGE = "docs/cloud-criteria.md"

HEAD = """\
# Government cloud guideline: what is declared, what is proven
<!-- written by `province cloud --write` from inventories/fleet/registers/cloud-criteria.yml -->

Dispatch 1145/BTTTT-CATTT of 3 April 2020 was read as a digest only: its two groups and their parts are from there, the
wording of each row is ours, and a row is *compared* only when somebody has held it against the guideline itself. A part
passes when every row of it passes. *Proven*: declared, and a test shows it. *Declared*: declared, and something is not
shown yet. *Open*: not declared here. The last column says what no test of ours shows.
"""


def cloud_page(rows: Iterable[CloudRequirement]) -> str:
    """The whole page: how many rows are how far, then a table for each part."""
    asked = list(rows)
    counts = Counter(row.state for row in asked)
    summed = ", ".join(f"{counts[state]} {state}" for state in CloudState)
    compared = sum(row.verified for row in asked)
    lines = [HEAD, f"{len(asked)} rows: {summed}; {compared} compared with the guideline.", ""]
    for part in CloudPart:
        lines += [
            f"## {part.value.replace('-', ' ').capitalize()}",
            "",
            *_table(row for row in asked if row.part is part),
            "",
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(rows: Iterable[CloudRequirement]) -> list[str]:
    columns = ("what is asked", "state", "declared in", "proven by", "not shown")
    return table(columns, map(_cells, rows))


def _cells(row: CloudRequirement) -> tuple[str | None, ...]:
    places = (listed(map(code, names)) for names in (row.declared_in, row.proven_by))
    return listed((row.name.en, row.name.vi)), row.state, *places, row.open
