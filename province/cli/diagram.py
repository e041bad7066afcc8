"""`province diagram`: the topology as Mermaid, and the READMEs that carry it."""

from __future__ import annotations

from typing import Annotated

import typer

from province.cli.options import Language
from province.fleet.diagram import mermaid, with_diagram
from province.fleet.load import load_fleet

DOCUMENTS = {"README.md": "en", "README.vi.md": "vi"}


def diagram(
    lang: Language = "en",
    write: Annotated[bool, typer.Option("--write", help="Write it into both READMEs.")] = False,
) -> None:
    """Draw the topology of the whole province."""
    fleet = load_fleet("production")
    if not write:
        typer.echo(mermaid(fleet, lang))
        return
    for name, language in DOCUMENTS.items():
        path = fleet.root.parent / name
        text = path.read_text(encoding="utf-8")
        path.write_text(with_diagram(text, mermaid(fleet, language)), encoding="utf-8")
