"""`province runs` and `province why`: what `province apply` did, and to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from province.cli.apply import leave
from province.cli.options import Environment, Json, print_json
from province.cli.watch import watching
from province.fleet.load import load_fleet
from province.ops.workplace import Workplace
from province.rollout import history, journal, view
from province.rollout.controller import Controller, all_runs, runs_of
from province.rollout.entries import Wish
from province.rollout.page import serve as serve_page
from province.rollout.state import Run
from province.verify.selection import select_hosts

app = typer.Typer(invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or `last`.")]
PORT = 8092


@app.callback()
def runs(context: typer.Context, environment: Environment = "lab", as_json: Json = False) -> None:
    """List all runs, the newest first; with a verb, look at one of them."""
    if context.invoked_subcommand:
        return
    found = all_runs(_runs(environment))[::-1]
    if as_json:
        print_json([view.as_json(run) for run in found])
        return
    for run in found:
        typer.echo(view.head(run))
    if not found:
        typer.echo(f"no run of {environment} yet")


@app.command()
def show(name: Name = "last", environment: Environment = "lab", as_json: Json = False) -> None:
    """Show one run: its batches, hosts that are not proven, what each said, and how it ended."""
    run = _run(environment, name)
    if as_json:
        print_json(view.as_json(run))
        return
    for line in (view.head(run), *view.lines(run, run.seen), *view.ending(run)):
        typer.echo(line)


@app.command()
def diff(
    one: Name, other: Annotated[str, typer.Argument(help="The other one.")], environment: Environment = "lab"
) -> None:
    """Say what two runs did differently, host by host."""
    for line in history.difference(_run(environment, one), _run(environment, other)) or ["no difference"]:
        typer.echo(line)


@app.command()
def pause(name: Name = "last", environment: Environment = "lab") -> None:
    """Let a run stop where no host is half done; `province apply --resume` goes on."""
    _ask(environment, name, "pause", as_json=False)


@app.command()
def abort(name: Name = "last", environment: Environment = "lab", as_json: Json = False) -> None:
    """End a run: hosts of its batch that are not proven go back, earlier batches stay. Exit 1, as it was not done."""
    _ask(environment, name, "abort", as_json=as_json)


@app.command()
def serve(
    environment: Environment = "lab", port: Annotated[int, typer.Option(help="On this machine only.")] = PORT
) -> None:
    """Show runs as a page in a browser on this machine; it follows a run that is under way. Nothing can be changed."""
    serve_page(_runs(environment), port, lambda address: typer.echo(f"{address}  (Ctrl-C ends it)"))


def why(
    words: Annotated[list[str], typer.Argument(metavar="SITE", help="Hosts, classes, sites, communes or wave:N.")],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Say why hosts are as they are: the runs that were about them, who wanted what, and what became of it."""
    fleet = load_fleet(environment)
    found = all_runs(runs_of(Workplace.of(fleet)))
    told = {host.name: history.why(found, host.name) for host in select_hosts(fleet, words)}
    if as_json:
        print_json(told)
        return
    for lines in told.values():
        for line in lines:
            typer.echo(line)


def _ask(environment: str, name: str, wish: Wish, *, as_json: bool) -> None:
    fleet = load_fleet(environment)
    with watching(quiet=as_json) as watch:
        controller = Controller(Workplace.of(fleet), fleet, watch, lambda line: typer.echo(line, err=True))
        run = controller.ask(name, wish)
    if run is None:
        typer.echo(f"asked; its controller will {wish} as soon as no host is half done")
    else:
        leave(run, as_json=as_json)


def _run(environment: str, name: str) -> Run:
    return journal.read_run(journal.find(_runs(environment), name))


def _runs(environment: str) -> Path:
    return runs_of(Workplace.of(load_fleet(environment)))
