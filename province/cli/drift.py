"""`province drift`: what on hosts and in clusters is no longer as declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from province.cli.options import Environment, Json
from province.cli.steps import show, to_stderr
from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.rendering import Rendering
from province.ops import data_centre, drift
from province.ops.node_ssh import SshContact
from province.ops.step import Step
from province.ops.workplace import Workplace
from province.verify.selection import select_hosts

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Only these hosts: names, classes, sites, communes or wave:N. Clusters are left out then."),
]


def find_drift(words: Words = None, environment: Environment = "lab", as_json: Json = False) -> None:
    """Compare model, last application and live state of hosts and clusters, and touch nothing.

    Hosts that differ in the same way stand together. Exit 5 when something is not as declared, 4 when a host could
    not be reached, 1 when one could not be asked; what could not be asked never counts as declared.
    """
    fleet = load_fleet(environment)
    if any(step.changed for step in show(_steps(fleet, words or []), as_json=as_json)):
        raise typer.Exit(int(ExitCode.DRIFT))


def _steps(fleet: Fleet, words: list[str]) -> Iterator[Step]:
    yield drift.find(Rendering.of(fleet), select_hosts(fleet, words), SshContact)
    if not words:
        for centre in data_centre.centres(Workplace.of(fleet, to_stderr), fleet, with_hosts=False):
            yield from data_centre.drift(centre)
