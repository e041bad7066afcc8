"""The matrix of the government cloud guideline as a page, written from the register so that it cannot go stale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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
    listed = list(rows)
    counts = Counter(row.state for row in listed)
    summed = ", ".join(f"{counts[state]} {state}" for state in CloudState)
    compared = sum(row.verified for row in listed)
    lines = [HEAD, f"{len(listed)} rows: {summed}; {compared} compared with the guideline.", ""]
    for part in CloudPart:
        lines += [f"## {part.value.replace('-', ' ').capitalize()}", "", *_table(listed, part), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table(rows: Iterable[CloudRequirement], part: CloudPart) -> list[str]:
    found = [row for row in rows if row.part is part]
    head = ["| what is asked | state | declared in | proven by | not shown |", "|---|---|---|---|---|"]
    return head + [
        f"| {row.name.en}<br/>{row.name.vi} | {row.state} | {_code(row.declared_in)} | {_code(row.proven_by)} "
        f"| {row.open or '–'} |"
        for row in found
    ]


def _code(names: Iterable[str]) -> str:
    return "<br/>".join(f"`{name}`" for name in names) or "–"
