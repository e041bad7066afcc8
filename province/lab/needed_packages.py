"""Which package files a system needs for each of several packages, asked for one by one; run by Debian's own Python.

`python3 needed_packages.py SETTINGS < NAMES`: SETTINGS is a JSON object of apt's settings, NAMES has a package a line.
It prints a JSON object: `files`, a list of `name:architecture=version`, and `problems`, package to reason.
One process for all: apt-get would read the index anew for each package, a second of processor time a time. Each by
itself, since two that exclude each other may both be wanted on different hosts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import apt_pkg

Version = Any
"""`apt_pkg.Version`; the module has no types."""


def needed(cache: Any, state: Any, name: str) -> list[Version]:
    """What is not there and must come for one package; ValueError with the reason when it cannot be had."""
    if name not in cache or not cache[name].has_versions:
        raise ValueError("no such package")
    state.init()
    state.mark_install(cache[name], True, True)
    resolver = apt_pkg.ProblemResolver(state)
    resolver.protect(cache[name])
    try:
        resolver.resolve(True)
    except apt_pkg.Error as error:
        raise ValueError(str(error)) from None
    return _to_come(state, cache[name])


def _to_come(state: Any, asked: Any) -> list[Version]:
    """What is marked, found along the dependencies: to ask every package that exists would take a second."""
    found: dict[int, Version] = {}
    waiting = [asked]
    while waiting:
        package = waiting.pop()
        if package.id in found or not (state.marked_install(package) or state.marked_upgrade(package)):
            continue
        version = found[package.id] = state.get_candidate_ver(package)
        for kind in ("PreDepends", "Depends"):
            for choices in version.depends_list.get(kind, ()):
                waiting += [target.parent_pkg for choice in choices for target in choice.all_targets()]
    return list(found.values())


def main(settings: dict[str, str], names: list[str]) -> dict[str, object]:
    """Resolve every package against apt's index; nothing is downloaded or changed."""
    apt_pkg.init_config()
    for key, value in settings.items():
        apt_pkg.config.set(key, value)
    apt_pkg.init_system()
    cache = apt_pkg.Cache(None)
    state = apt_pkg.DepCache(cache)
    files: set[str] = set()
    problems: dict[str, str] = {}
    for name in names:
        try:
            files |= {f"{v.parent_pkg.name}:{v.arch}={v.ver_str}" for v in needed(cache, state, name)}
        except ValueError as error:
            problems[name] = str(error)
    return {"files": sorted(files), "problems": problems}


if __name__ == "__main__":
    json.dump(main(json.loads(sys.argv[1]), sys.stdin.read().split()), sys.stdout)
