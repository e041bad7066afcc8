"""What every page of the model is made of: who wrote it, tables, links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

NOTHING = "–"
"""What stands in a cell where the model says nothing."""

NOTICE = "<!-- written by `province docs --write` from inventories/fleet: change the facts, not this page -->"


def page(title: str, *parts: Iterable[str]) -> str:
    """A whole page; its parts are separated by an empty line."""
    blocks = [f"# {title}\n{NOTICE}", *("\n".join(part) for part in parts)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Rows under columns, as a table of Markdown. Raises ValueError for a row of another length."""
    lines = [_line(columns), f"|{'---|' * len(columns)}"]
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"{len(row)} cells under {len(columns)} columns: {row}")
        lines.append(_line([cell(one) for one in row]))
    return lines


def cell(value: object) -> str:
    """A value as it stands in a table: a bar and the end of a line would end the cell."""
    text = NOTHING if value is None or value == "" else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def listed(values: Iterable[object]) -> str:
    """Several values in one cell, one under the other."""
    return "<br/>".join(str(one) for one in values)


def code(text: object) -> str:
    """A name for machines."""
    return f"`{text}`"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
