"""What an export is made of, and what every exported file says of itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType

from province.fleet.fleet import Fleet
from province.manifest.enrolled import NOBODY, Enrolled

Files = dict[str, str]
"""What one consumer gets: path below its folder → text."""

Row = Mapping[str, object]


@dataclass(frozen=True)
class Sources:
    """Everything that exports depend on; the same sources give the same files.

    `folder` is where the consumer's files will lie, for those that name each other. `before` is what they said the
    last time, for numbers that must grow.
    """

    fleet: Fleet
    folder: Path
    today: date
    enrolled: Enrolled = NOBODY
    host_authority: str | None = None
    """The public key that signs the keys of hosts, None where the environment has not written it down."""
    before: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def origin(fleet: Fleet, consumer: str) -> str:
    """Who made a file, from what, and how to change it: for a comment at its head."""
    command = f"province export {consumer} -e {fleet.environment.id}"
    return f"Made by `{command}` from the model; change inventories/fleet and export again."


def table(columns: Iterable[str], rows: Iterable[Row], *, line_end: str = "\n") -> str:
    """Rows as CSV (RFC 4180) under these columns: nothing for None, and `true` or `false` as programs write them.

    Raises ValueError for a row with a column that is not named.
    """
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, tuple(columns), restval="", lineterminator=line_end)
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
