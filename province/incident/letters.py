"""The Vietnamese texts that leave the house, filled in from templates under `templates/reports`."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from province.fleet.documents import read_yaml
from province.incident.clock import shown, spoken
from province.verify.pages.view import TEMPLATES


def fill(template: str, **values: object) -> str:
    """A Markdown text from a template; the words are those of `incident-words.yml`."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown that people read and edit, not a page
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(spoken=spoken, shown=shown, in_cell=_in_cell)
    return templates.get_template(template).render(words=words(), **values)


def words() -> dict[str, Any]:
    """What gravities, layers and reports are called in Vietnamese."""
    name = "incident-words.yml"
    found: dict[str, Any] = read_yaml(TEMPLATES / name, f"templates/reports/{name}")
    return found


def _in_cell(text: str) -> str:
    """Text of several lines in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")
