"""What a plan would change, as a reviewer reads it: objects that change in the same way are one paragraph.

Read from what `pulumi preview --json` prints; the file of `--save-plan` does not hold the old values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from province.ops.plan_guard import type_of

UNTOUCHED = frozenset({"same", "read", "refresh"})
ORDER = ("delete", "delete-replaced", "replace", "create-replacement", "update", "create")
"""What a reviewer must see first stands first; whatever else the engine may do stands before all."""
NAMED = 6
LONGEST = 60
MISSING = object()


@dataclass(frozen=True)
class Group:
    """Objects of one kind to which the same happens: `lines` say what, `members` are their names, sorted."""

    operation: str
    kind: str
    lines: tuple[str, ...]
    members: tuple[str, ...]


def groups(preview: Mapping[str, Any]) -> tuple[Group, ...]:
    """Everything that a plan would change, by identical change: by operation and kind, the largest group first."""
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for step in preview.get("steps") or ():
        if step["op"] not in UNTOUCHED:
            key = (str(step["op"]), type_of(step["urn"]).rpartition(":")[2], _lines(step))
            found.setdefault(key, []).append(step["urn"].rpartition("::")[2])
    made = [Group(*key, tuple(sorted(members))) for key, members in found.items()]
    return tuple(sorted(made, key=lambda one: (_place(one.operation), one.kind, -len(one.members), one.members)))


def describe(changes: Iterable[Group]) -> list[str]:
    """The groups as lines for people: for each operation and kind what most have in common, then those that differ."""
    lines: list[str] = []
    for alike in _by_kind(changes):
        most, *odd = alike
        lines.append(_headline(most, odd))
        if odd and len(most.members) == 1:
            odd = alike
        else:
            lines += (f"  {line}" for line in most.lines)
        for one in odd:
            lines.append(f"  {_names(one.members)}:")
            lines += (f"    {line}" for line in one.lines)
    return lines


def _by_kind(changes: Iterable[Group]) -> Iterator[list[Group]]:
    """Groups of the same operation and kind together."""
    together: dict[tuple[str, str], list[Group]] = {}
    for one in changes:
        together.setdefault((one.operation, one.kind), []).append(one)
    yield from together.values()


def _headline(most: Group, odd: Sequence[Group]) -> str:
    """Such as `update 43 NetworkPolicy: 41 the same 3 lines; 2 differ: mail/deny, tasks/deny`."""
    count = len(most.members) + sum(len(one.members) for one in odd)
    subject = f"{most.operation} {count} {most.kind}"
    if not odd:
        same = f", the same {_counted(most.lines)}" if most.lines and count > 1 else ""
        return f"{subject}: {_names(most.members)}{same}"
    differ = [member for one in odd for member in one.members]
    if len(most.members) == 1:
        return f"{subject}, each in its own way: {_names([*most.members, *differ])}"
    return f"{subject}: {len(most.members)} the same {_counted(most.lines)}; {len(differ)} differ: {_names(differ)}"


def _counted(lines: Sequence[str]) -> str:
    return f"{len(lines)} line{'' if len(lines) == 1 else 's'}"


def _names(members: Sequence[str]) -> str:
    more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
    return ", ".join(members[:NAMED]) + more


def _place(operation: str) -> int:
    return ORDER.index(operation) if operation in ORDER else -1


def _lines(step: Mapping[str, Any]) -> tuple[str, ...]:
    """Each field that changes; none for what comes or goes as a whole."""
    if not step.get("oldState") or not step.get("newState"):
        return ()
    return tuple(_differences(step["oldState"].get("inputs") or {}, step["newState"].get("inputs") or {}, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key, MISSING), new.get(key, MISSING), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list):
        for number in range(max(len(old), len(new))):
            before, after = (side[number] if number < len(side) else MISSING for side in (old, new))
            yield from _differences(before, after, f"{path}.{number}")
    elif old is MISSING:
        yield f"+ {path}: {_shown(new)}"
    elif new is MISSING:
        yield f"- {path}: {_shown(old)}"
    elif old != new:
        yield f"~ {path}: {_shown(old)} => {_shown(new)}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
