"""Options that several verbs share, and the two ways of printing a result."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

import typer

Environment = Annotated[
    str, typer.Option("--environment", "-e", envvar="PROVINCE_ENVIRONMENT", help="Folder under inventories/.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Language = Annotated[Literal["en", "vi"], typer.Option("--lang", help="Language of the labels.")]


def print_json(value: Any) -> None:
    """Write a value as indented JSON with readable Vietnamese."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
