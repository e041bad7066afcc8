"""From a line of a rendered file back to the line of the template that it came from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, meta

from province.manifest.render import TEMPLATES

PLACE = re.compile(r"(?:\bline |:\s*)(\d+)\b")
"""How programs name a line of a file: `line 7`, `/etc/a:7:3-9`, `/etc/a: 7`."""
TAG = re.compile(r"{%.*?%}|{#.*?#}")
VALUE = re.compile(r"{{.*?}}")


def line_named(said: str, path: str) -> int | None:
    """The first line of the file at `path` that a program's complaint names; None if it names none."""
    after = said.partition(path)[2] or said
    found = PLACE.search(after)
    return int(found[1]) if found else None


def line_with(file: Path, words: Iterable[str]) -> int:
    """The line at which a file of ours has the first of these words that it has at all; 0 if nowhere."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for word in words for number, line in enumerate(lines, start=1) if word in line), 0)


def source_of(template: str, line: str, folder: Path = TEMPLATES) -> str:
    """Where a template, or a part that it includes, writes such a line: `line 12 of a/b.j2`; empty if nowhere.

    Values may be anything, so of several lines that fit, the one with most text of its own is named.
    """
    fitting = [
        (own, f"line {number} of {name}")
        for name in _with_parts(template, folder)
        for number, source in enumerate((folder / name).read_text(encoding="utf-8").splitlines(), start=1)
        if (own := _fits(source, line))
    ]
    return max(fitting)[1] if fitting else ""


def _fits(source: str, line: str) -> int:
    """How many characters of its own a template's line has if it can become `line`, else 0."""
    texts = VALUE.split(TAG.sub("", source))
    pattern = ".*".join(re.escape(text) for text in texts)
    return len("".join(texts).strip()) if re.fullmatch(pattern, line) else 0


def _with_parts(template: str, folder: Path) -> list[str]:
    """A template and what it includes, imports and so on."""
    tree = Environment(autoescape=False).parse((folder / template).read_text(encoding="utf-8"))  # noqa: S701 - only parsed
    parts = [part for part in meta.find_referenced_templates(tree) if part]
    return [template, *(name for part in parts for name in _with_parts(part, folder))]
