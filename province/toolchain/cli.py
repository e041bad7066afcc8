"""The verbs of `province toolchain`."""

from __future__ import annotations

import json
import os
import shlex
from typing import Annotated, Any

import typer

from province.lab import image as base_system
from province.toolchain import build, go, kinds, pins, pulumi_home
from province.toolchain.images import images
from province.toolchain.pins import Artefact

app = typer.Typer(
    help="Programs that no package registry has ready made: built once from pins, kept in a cache.",
    no_args_is_help=True,
)


@app.command("list")
def list_artefacts(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of objects instead of lines.")] = False,
) -> None:
    """Show every program with its version and where it comes from; builds nothing."""
    rows = [describe(artefact) for artefact in pins.load().artefacts.values()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        place = row["path"] or f"tools/{row['module']}"
        print(f"{row['name']:<27} {row['version']:<10} {row['from']:<10} {place}")


@app.command("build")
def build_artefacts(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which programs; without one, all but those for benchmarks.")
    ] = None,
) -> None:
    """Build what is missing and print the paths; a first build of all takes a quarter of an hour on two cores."""
    for path in build.build_all(names or ()).values():
        print(path)


@app.command("path")
def print_path(name: Annotated[str, typer.Argument(help="One program, as `list` names it.")]) -> None:
    """Print where a program is, building it first if it is missing."""
    print(build.binary(name))


@app.command("images")
def make_images(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which images; without one, all but those on demand.")
    ] = None,
) -> None:
    """Make what is missing of the container images and print name and digest of each; needs root."""
    for name in names or ():
        pins.load().tagged(name)
    for made in images(base_system.ensure("kubernetes"), names or ()).values():
        print(made.reference)


@app.command("kinds")
def write_kinds() -> None:
    """Write k8s/crds anew from the sources of the programs that bring kinds of object; fetches nothing."""
    for module in kinds.SOURCES:
        for file in kinds.write(module):
            print(file.relative_to(pins.CHECKOUT))


@app.command("env")
def print_environment() -> None:
    """Print shell settings under which the plain `pulumi` and `kubectl` work: eval "$(province toolchain env)"."""
    folders = [str(build.binary(name).parent) for name in ("pulumi", "kubectl")]
    settings = {**pulumi_home.prepare(), "PATH": os.pathsep.join([*folders, os.environ.get("PATH", "")])}
    for key, value in settings.items():
        print(f"export {key}={shlex.quote(value)}")


def describe(artefact: Artefact) -> dict[str, Any]:
    """Return what is known of a program without building it.

    `from` is "installed", "cache" or "to build"; `path` and `sha256` are null where there is nothing yet.
    """
    installed = build.installed(artefact)
    cached = build.cached(artefact)
    place = installed or cached
    return {
        "name": artefact.name,
        "version": artefact.version,
        "module": artefact.module,
        "from": "installed" if installed else "cache" if cached else "to build",
        "cached": cached is not None,
        "path": str(place) if place else None,
        "sha256": build.checksum(cached) if cached else None,
        "recorded_sha256": artefact.sha256.get(go.host_platform()),
    }
