"""The kinds of object that a program of ours adds to a cluster, taken from the source of its pinned Go module.

They are kept in ``k8s/crds/<module>/<plural>.json``, without the texts for people, which are four fifths of them: a
program that declares them reads and sends them in every run. `province toolchain kinds` writes the files, and
``tests/lab/test_our_programs.py`` holds them to the source.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from province.errors import ExitCode, ProvinceError
from province.toolchain import go, pins

FOLDER = pins.CHECKOUT / "k8s" / "crds"

SOURCES = {"cloudnative-pg": ("github.com/cloudnative-pg/cloudnative-pg", "config/crd/bases")}
"""By folder of ``tools/``: the Go module that holds the definitions, and where in it."""

Definition = dict[str, Any]
"""A CustomResourceDefinition as the API server takes it."""


def read(module: str) -> list[Definition]:
    """Return the definitions that the repository keeps for a program, by name."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted((FOLDER / module).glob("*.json"))]


def from_source(module: str) -> list[Definition]:
    """Return the same from the module's source, which must have been fetched (building the program does that)."""
    files = sorted((source(module) / SOURCES[module][1]).glob("*.yaml"))
    return [_bare(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)) for file in files]


def write(module: str) -> list[Path]:
    """Write the files of a program anew from its source; files of kinds that it no longer has go."""
    folder = FOLDER / module
    folder.mkdir(parents=True, exist_ok=True)
    found = {folder / f"{one['spec']['names']['plural']}.json": one for one in from_source(module)}
    for gone in set(folder.glob("*.json")) - set(found):
        gone.unlink()
    for file, one in found.items():
        file.write_text(json.dumps(one, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return sorted(found)


def source(module: str) -> Path:
    """Return the folder with the source of a program's Go module; ProvinceError where it has not been fetched."""
    path = SOURCES[module][0]
    done = subprocess.run(
        [str(go.locate(pins.load().go.version)), "list", "-m", "-f", "{{.Dir}}", path],
        cwd=pins.TOOLS / module,
        env=go.environment(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    place = done.stdout.strip()
    if done.returncode or not place:
        raise ProvinceError(
            f"the source of {path} is not here: {done.stderr.strip() or 'not fetched'}",
            hint=f"build the program first: province toolchain build {module}",
            exit_code=ExitCode.MACHINE,
        )
    return Path(place)


def _bare(schema: Any) -> Any:
    """A definition without its texts; a field that is itself called `description` has no text as its value."""
    if isinstance(schema, list):
        return [_bare(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _bare(value) for key, value in schema.items() if not (key == "description" and isinstance(value, str))}
