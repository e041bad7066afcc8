"""A year of evidence as a table: columns of each sealed run in a Parquet file, asked by DuckDB.

The table is a copy for questions, made again from the evidence whenever a file of it is missing; it proves nothing. Why
this and not SQLite: `python -m bench evidence` measures both (docs/adr/0018).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from province.verify.ledger import Sealed

COLUMNS = {
    "kind": "VARCHAR",
    "run": "VARCHAR",
    "time": "TIMESTAMP",
    "host": "VARCHAR",
    "commune": "VARCHAR",
    "body": "VARCHAR",
    "site": "VARCHAR",
    "test": "VARCHAR",
    "subject": "VARCHAR",
    "controls": "INTEGER[]",
    "outcome": "VARCHAR",
    "seen": "VARCHAR",
    "expected": "VARCHAR",
    "message": "VARCHAR",
    "manifest": "VARCHAR",
    "plan": "VARCHAR",
}
"""What questions are asked about; the rest of a line stays in the evidence."""


@dataclass(frozen=True)
class Turn:
    """From when on a check had a verdict, until the next turn; `seen` is the value at the turn."""

    time: datetime
    host: str
    test: str
    outcome: str
    seen: str


class History:
    """The table over the sealed runs of a folder."""

    def __init__(self, folder: Path, runs: Iterable[Sealed]) -> None:
        self.folder = folder
        self._table = folder / "table"
        self._runs = tuple(runs)

    def refresh(self) -> int:
        """Copy what is missing, and forget what was let go; how many runs were copied."""
        self._table.mkdir(exist_ok=True)
        wanted = {self._place(run): run for run in self._runs}
        for left_over in set(self._table.glob("*.parquet")) - wanted.keys():
            left_over.unlink()
        missing = [(path, run) for path, run in wanted.items() if not path.exists()]
        with duckdb.connect() as connection:
            for path, run in missing:
                self._copy(connection, run, path)
        return len(missing)

    def turns(self, *, host: str | None = None, test: str | None = None, control: int | None = None) -> list[Turn]:
        """When verdicts changed, oldest first: of a host, a test, a control, or any of these together."""
        where, values = _conditions(host=host, test=test, control=control)
        rows = self.ask(
            f"""SELECT time, host, test, outcome, seen FROM checks WHERE {where}
            QUALIFY lag(outcome) OVER (PARTITION BY host, test ORDER BY time) IS DISTINCT FROM outcome
            ORDER BY time, host, test""",  # noqa: S608 - the conditions are ours, their values are bound
            values,
        )
        return [Turn(*row) for row in rows]

    def by_day(self, *, control: int | None = None) -> list[tuple[datetime, str, int]]:
        """How many checks ended how, for each day (UTC)."""
        where, values = _conditions(control=control)
        rows = self.ask(
            f"""SELECT date_trunc('day', time) AS day, outcome, count(*) FROM checks WHERE {where}
            GROUP BY day, outcome ORDER BY day, outcome""",  # noqa: S608 - as above
            values,
        )
        return [(day, outcome, count) for day, outcome, count in rows]

    def ask(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query over `checks`, one row for each check of each run."""
        files = [str(self._place(run)) for run in self._runs]
        if not files:
            return []
        with duckdb.connect() as connection:
            connection.read_parquet(files).create_view("checks")
            return connection.execute(query, list(values)).fetchall()

    def _place(self, run: Sealed) -> Path:
        """Named by the digest of the evidence, so that other evidence is another file."""
        return self._table / f"{run.sha256[:32]}.parquet"

    def _copy(self, connection: duckdb.DuckDBPyConnection, run: Sealed, path: Path) -> None:
        lines = connection.read_json(
            str(self.folder / run.file), format="newline_delimited", columns=COLUMNS, maximum_object_size=2**24
        )
        under_way = path.with_suffix(".new")
        checks = lines.filter("kind = 'check'").project(", ".join(name for name in COLUMNS if name != "kind"))
        checks.write_parquet(str(under_way), compression="zstd")
        under_way.replace(path)


def _conditions(
    *, host: str | None = None, test: str | None = None, control: int | None = None
) -> tuple[str, list[object]]:
    found: list[tuple[str, object]] = []
    if host is not None:
        found.append(("host = ?", host))
    if test is not None:
        found.append(("test = ?", test))
    if control is not None:
        found.append(("list_contains(controls, ?)", control))
    return " AND ".join(condition for condition, _ in found) or "true", [value for _, value in found]
