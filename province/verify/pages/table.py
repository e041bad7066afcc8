"""What most pages are made of: facts, sentences, and tables whose cells know what they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """One cell. `state` makes it a badge; `lang` is the language of its text where that is another than the page's."""

    text: str = ""
    href: str | None = None
    state: str | None = None
    lang: str | None = None
    heading: bool = False
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption; `empty` is said instead of a table without rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = ""


@dataclass(frozen=True)
class Page:
    """A page below the province's. `up` is the way to the folder of the first page, empty or `../`."""

    path: str
    title: str
    lang: str
    state: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    signatures: tuple[str, ...] = field(default=())

    @property
    def up(self) -> str:
        """What leads from this page to the folder of the first one."""
        return "../" * self.path.count("/")


def heading(text: str, href: str | None = None, lang: str | None = None) -> Cell:
    """The cell that names its row."""
    return Cell(text, href=href, lang=lang, heading=True)


def badge(state: str) -> Cell:
    """The cell with a state."""
    return Cell(state=state)


def texts(values: Iterable[object]) -> tuple[Cell, ...]:
    """Plain cells."""
    return tuple(Cell("" if value is None else str(value)) for value in values)
