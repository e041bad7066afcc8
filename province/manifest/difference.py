"""What changes between two manifests of a host, as text that a reviewer reads."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from province.manifest.manifest import Manifest

PARTS = ("packages", "keys", "absent", "users", "groups", "sysctls", "units", "listens", "sends", "health")


def difference(old: Manifest, new: Manifest) -> str:
    """A unified diff: first everything that is not a file, by kind, then file by file; empty if nothing changes."""
    lines: list[str] = []
    for part in PARTS:
        lines += _unified(part, _items(old, part), _items(new, part))
    for path in sorted({*old.files, *new.files}):
        lines += _unified(path.lstrip("/"), _file(old, path), _file(new, path))
    return "\n".join(lines) + "\n" if lines else ""


def _unified(name: str, old: list[str], new: list[str]) -> Iterator[str]:
    return difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")


def _items(manifest: Manifest, part: str) -> list[str]:
    value = getattr(manifest, part)
    if isinstance(value, dict):
        return [f"{key}: {_plain(asdict(item).items())}" for key, item in value.items()]
    return [item if isinstance(item, str) else _plain(asdict(item).items()) for item in value]


def _plain(pairs: Iterable[tuple[str, object]]) -> str:
    shown = ((key, _text(value)) for key, value in pairs)
    return " ".join(f"{key}={value}" for key, value in shown if value)


def _text(value: object) -> str:
    if value is None:
        return ""
    return ",".join(str(one) for one in value) if isinstance(value, tuple) else str(value)


def _file(manifest: Manifest, path: str) -> list[str]:
    file = manifest.files.get(path)
    if file is None:
        return []
    attributes = f"[{file.owner}:{file.group} {file.mode}]"
    content = "(secret)" if file.secret else file.content
    return [attributes, *content.splitlines()]
