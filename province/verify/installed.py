"""Which installed packages nothing asks for: not the model, not Debian's standard set, not another package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

INSTALLED = (
    "dpkg-query -W -f '${db:Status-Abbrev}\\t${Package}\\t${Priority}\\t${Essential}\\t"
    "${Provides}\\t${Pre-Depends}, ${Depends}\\n'"
)
STANDARD = frozenset({"required", "important", "standard"})
"""Priorities of the packages that every Debian host has (Debian policy, 2.5)."""

NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class Package:
    """An installed package: whether every host has it, which names it answers to, what it cannot be without."""

    name: str
    standard: bool
    provides: frozenset[str]
    needs: frozenset[str]


def parse_installed(text: str) -> dict[str, Package]:
    """The output of `INSTALLED`, by name; packages that were removed and left their settings are left out."""
    rows = (line.split("\t") for line in text.splitlines() if line.startswith("ii"))
    return {
        name: Package(name, priority in STANDARD or essential == "yes", _names(provides), _names(depends))
        for _, name, priority, essential, provides, depends in rows
    }


def _names(relations: str) -> frozenset[str]:
    """Every package that a relation field names, alternatives included; versions are apt's business."""
    alternatives = (word.strip() for group in relations.split(",") for word in group.split("|"))
    return frozenset(found[0] for word in alternatives if (found := NAME.match(word)))


def unasked(installed: Mapping[str, Package], wanted: Iterable[str]) -> frozenset[str]:
    """The installed packages that neither `wanted` nor Debian's standard set leads to."""
    answering: dict[str, set[str]] = {}
    for package in installed.values():
        for name in (package.name, *package.provides):
            answering.setdefault(name, set()).add(package.name)
    waiting = {name for name, package in installed.items() if package.standard} | set(wanted)
    reached: set[str] = set()
    while waiting:
        found = answering.get(waiting.pop(), set()) - reached
        reached |= found
        waiting |= {need for name in found for need in installed[name].needs}
    return frozenset(installed) - reached
