"""At which line of its file a finding's key stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import yaml

from province.fleet.findings import Finding

NAMED_BY = ("id", "name")
"""The keys by which findings name an entry of a list; the others they name by its place."""


def located(findings: Iterable[Finding], above: Path) -> list[Finding]:
    """The findings with the lines of their keys, or of the innermost part of a key that is there at all.

    `above` is the folder from which findings name their files. A file that is not there or not YAML has no lines.
    """
    tree = cache(_tree)  # each file once, and as it is now
    return [replace(one, line=_line(tree(above / one.file), one.key)) if one.key else one for one in findings]


def _tree(file: Path) -> yaml.Node | None:
    try:
        return yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _line(node: yaml.Node | None, key: str, line: int = 0) -> int:
    """The line of a dotted key below a node; `line` is that of the node itself, 0 for the whole file."""
    if not key:
        return line
    if isinstance(node, yaml.MappingNode):
        known = [(name, value) for name, value in _named(node) if f"{key}.".startswith(f"{name.value}.")]
        if known:
            name, value = max(known, key=lambda one: len(one[0].value))
            return _line(value, key[len(name.value) + 1 :], name.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        head, _, rest = key.partition(".")
        places = {str(number): one for number, one in enumerate(node.value)}
        entry = {**places, **{_name(one): one for one in node.value}}.get(head)
        if entry is not None:
            return _line(entry, rest, entry.start_mark.line + 1)
    return line


def _named(node: yaml.Node) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    """What a mapping holds under plain words; nothing for any other node."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(name, value) for name, value in pairs if isinstance(name, yaml.ScalarNode)]


def _name(entry: yaml.Node) -> str:
    """How findings name an entry of a list; empty if it has no name."""
    values = {name.value: value.value for name, value in _named(entry)}
    return next((str(values[key]) for key in NAMED_BY if key in values), "")
