"""One CSV file for NetBox: its name, its columns in the words of the import form, and what fills it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from province.exports.sources import Row
from province.fleet.fleet import Fleet


@dataclass(frozen=True)
class Table:
    """A kind of object of NetBox."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Fleet], Iterator[Row]]
