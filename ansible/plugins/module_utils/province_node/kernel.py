"""Kernel settings: the values that the running kernel has, not only those that a file asks for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .node import Node, Trouble


def compare(node: Node, sysctls: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Setting → wanted value, for every live setting that has another value or is not there yet."""
    different: dict[str, str] = {}
    for key, sysctl in sysctls.items():
        if not sysctl["live"]:
            continue
        places = _places(node, key)
        if any(_value(place) != sysctl["value"] for place in places) or not (places or "*" in key):
            different[key] = sysctl["value"]
    return different


def apply(node: Node, sysctls: dict[str, dict[str, Any]]) -> list[str]:
    """Set all live settings in order; returns those that the kernel does not have (yet)."""
    absent = []
    for key, sysctl in sysctls.items():
        if not sysctl["live"]:
            continue
        places = _places(node, key)
        for place in places:
            if _value(place) != sysctl["value"]:
                node.step(f"set {key}")
                _set(place, key, sysctl["value"])
        if not places and "*" not in key:
            absent.append(key)
    return absent


def places(node: Node, keys: Iterable[str]) -> list[str]:
    """The paths of settings that the kernel has."""
    return [f"/{place.relative_to(node.root)}" for key in keys for place in _places(node, key)]


def restore(node: Node, values: dict[str, str]) -> None:
    """Set what `places` found to what it was; a device that has gone took its settings along."""
    for name, value in values.items():
        place = node.path(name)
        if place.exists() and _value(place) != " ".join(value.split()):
            node.step(f"put back {name}")
            _set(place, name, value)


def _places(node: Node, key: str) -> list[Path]:
    """The files of a setting; a star stands for one part of the name."""
    if "*" in key:
        return sorted(node.path("/proc/sys").glob(key.replace(".", "/")))
    place = node.path(f"/proc/sys/{key.replace('.', '/')}")
    return [place] if place.exists() else []


def _value(place: Path) -> str:
    return " ".join(place.read_text(encoding="utf-8").split())


def _set(place: Path, key: str, value: str) -> None:
    try:
        place.write_text(value, encoding="utf-8")
    except OSError as error:
        raise Trouble(f"the kernel setting {key} cannot be set to {value}: {error.strerror}") from None
