"""YAML files as plain values: strict about duplicates, exact about where a value stands."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from province.fleet.findings import BadData, Finding


class _StrictLoader(yaml.CSafeLoader):
    """The safe loader, but a key that stands twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key_node.start_mark)
            if key in mapping:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def read_yaml(path: Path, shown: str) -> Any:
    """The document in `path`; `shown` is how findings name the file.

    Raises BadData with line and column when the file is not valid YAML or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadData([Finding(shown, "", "", "file is missing", "create it")]) from None
    except UnicodeDecodeError as error:
        raise BadData([Finding(shown, "", "", f"not UTF-8 at byte {error.start}", "save it as UTF-8")]) from None
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = f"not valid YAML: {error.problem or error.context}"
        raise BadData([Finding(shown, where, "", problem, "correct the syntax there")]) from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        problem = f"not valid YAML: the character U+{error.character:04X}"
        raise BadData([Finding(shown, f"line {line}", "", problem, "delete it")]) from None
    except ValueError as error:
        # What looks like a date or a number and is none: YAML says neither where nor which.
        problem = f"not valid YAML: {error}"
        raise BadData([Finding(shown, "", "", problem, "look for a date that does not exist")]) from None
