"""`province dc`: one data centre, from bare hosts to filled cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.cli.steps import print_step, show, to_stderr
from province.errors import ExitCode, ProvinceError
from province.fleet.check import blockers
from province.fleet.findings import BadData, nearest
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.ops import data_centre, removal, take_down
from province.ops import unlock as locks
from province.ops.data_centre import DataCentre
from province.ops.workplace import Workplace

app = typer.Typer(no_args_is_help=True)

SiteName = Annotated[str, typer.Argument(help="A data centre.", metavar="SITE")]
OneLayer = Annotated[str, typer.Argument(help="A layer of its cluster.", metavar="LAYER")]
MaybeLayer = Annotated[
    str, typer.Argument(help="Only this layer of the cluster; the hosts are left alone then.", metavar="[LAYER]")
]
Reason = Annotated[str, typer.Option(help="Why; it stands in the stack's history.")]
Every = Annotated[bool, typer.Option("--all", help="Also layers whose inputs did not change.")]


@app.command()
def plan(
    site: SiteName,
    layer: MaybeLayer = "",
    environment: Environment = "lab",
    every: Every = False,
    as_json: Json = False,
) -> None:
    """Say what `up` would change, and touch nothing: hosts by the playbook's check, the cluster by a preview.

    Exit 1 when a plan is refused because it would destroy what cannot be made again, 4 when something does not
    answer, else 0.
    """
    centre = _centre(environment, site, layer)
    done = show(data_centre.plan(centre, every=every), as_json=as_json)
    if any(detail.startswith(data_centre.REFUSED) for step in done for detail in step.details):
        raise typer.Exit(int(ExitCode.FAILED))


@app.command()
def up(
    site: SiteName,
    reason: Reason,
    layer: MaybeLayer = "",
    environment: Environment = "lab",
    every: Every = False,
    as_json: Json = False,
) -> None:
    """Make a data centre as declared: hosts configured and verified, the cluster filled layer by layer and verified.

    Exit 1 when something failed, 3 when the model may not be applied, 4 when something did not answer.
    """
    centre = _centre(environment, site, layer, ready=True)
    show(data_centre.up(centre, reason, every=every), as_json=as_json)


@app.command()
def drift(site: SiteName, layer: MaybeLayer = "", environment: Environment = "lab", as_json: Json = False) -> None:
    """Say what is no longer as declared, without touching it; always looks. Exit 5 when something is not."""
    centre = _centre(environment, site, layer)
    if any(step.changed for step in show(data_centre.drift(centre), as_json=as_json)):
        raise typer.Exit(int(ExitCode.DRIFT))


@app.command()
def down(
    site: SiteName, layer: OneLayer, reason: Reason, environment: Environment = "lab", as_json: Json = False
) -> None:
    """Take one layer out of a cluster, once its stack's name is typed; namespaces, volumes, databases stay.

    Refused while layers stand that rest on it. Exit 2 when another name is typed.
    """
    centre = _centre(environment, site, layer, ready=True)
    name = centre.stack(layer)
    step = take_down.preview_down(centre, layer)
    if not as_json:
        print_step(step)
    if not step.changed:
        typer.echo("nothing of it can be taken out", err=True)
        return
    typed = typer.prompt(f"type {name} to take it down", err=True, default="", show_default=False)
    if typed != name:
        raise ProvinceError(f"{typed!r} is not {name}; nothing was changed", exit_code=ExitCode.USAGE)
    show([take_down.down(centre, layer, reason)], as_json=as_json)


@app.command()
def remove(
    site: SiteName,
    system: Annotated[str, typer.Argument(help="A system that the model no longer declares.", metavar="SYSTEM")],
    reason: Reason,
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Take a system out that the model no longer declares, once its name is typed; what it has stored stays, shut off.

    Refused when the plan would change anything else. Exit 2 when another name is typed, or it is still declared.
    """
    centre = _centre(environment, site, "", ready=True)
    found = removal.find(centre, system)
    for line in (*found.shown, *removal.volumes(centre, system)):
        typer.echo(line, err=True)
    typed = typer.prompt(f"type {system} to take it out and keep these", err=True, default="", show_default=False)
    if typed != system:
        raise ProvinceError(f"{typed!r} is not {system}; nothing was changed", exit_code=ExitCode.USAGE)
    show([removal.carry_out(centre, found, reason)], as_json=as_json)
    typer.echo(f"doors that others had for it: province dc up {site} --reason {reason!r} -e {environment}", err=True)


@app.command()
def unlock(site: SiteName, layer: OneLayer, environment: Environment = "lab", as_json: Json = False) -> None:
    """Free a stack that a killed run has left locked; refused while that run, or one on another machine, may live."""
    centre = _centre(environment, site, layer)
    freed = locks.unlock(centre.work, centre.stack(layer))
    print_json(vars(freed)) if as_json else typer.echo(freed.line)


def _centre(environment: str, site: str, layer: str, *, ready: bool = False) -> DataCentre:
    """The data centre that is meant; refuses names that are none, and with `ready` a model that may not be applied."""
    fleet = load_fleet(environment)
    if ready and (waiting := blockers(fleet, datetime.now(UTC).date())):
        raise BadData(waiting)
    sites = {centre.site.id: centre for centre in data_centre.centres(Workplace.of(fleet, to_stderr), fleet)}
    if site not in sites:
        raise _no_such("data centre", site, list(sites))
    if layer and layer not in LAYERS:
        raise _no_such("layer", layer, list(LAYERS))
    centre = sites[site]
    return replace(centre, layers=(layer,), with_hosts=False) if layer else centre


def _no_such(kind: str, name: str, known: list[str]) -> ProvinceError:
    guess = nearest(name, known)
    hint = f'did you mean "{guess}"?' if guess else "there are: " + ", ".join(known)
    return ProvinceError(f"no {kind} {name!r}", hint=hint, exit_code=ExitCode.USAGE)
