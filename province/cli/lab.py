"""`province lab`: the province on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Json, print_json
from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.lab import desk, provision, requirements, workbench
from province.lab.engine import Report

app = typer.Typer(no_args_is_help=True)


def _fleet() -> Fleet:
    return load_fleet(provision.LAB)


def _checkout() -> Path:
    return _fleet().root.parent


@app.command()
def up(
    as_json: Json = False,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Serve hosts from this bundle, not from the cache.")
    ] = None,
) -> None:
    """Boot what the lab lacks: images, networks, package source, hosts. Nothing is configured yet."""
    report(provision.up(_fleet(), bundle=bundle), as_json)


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the lab and remove everything of it; the shared cache stays."""
    report(provision.down(_fleet()), as_json)


@app.command()
def status(as_json: Json = False) -> None:
    """Say which hosts are on, answer, and which of their lines are cut; exit 4 when one does not answer."""
    fleet = _fleet()
    found = desk.status(_checkout(), provision.specification(fleet))
    if as_json:
        print_json([vars(guest) for guest in found])
    else:
        for guest in found:
            word = "answers" if guest.reachable else "does not answer" if guest.running else "off"
            typer.echo(f"{guest.name:<32} {word}" + (f"; cut: {', '.join(guest.cut)}" if guest.cut else ""))
    if not all(guest.reachable for guest in found):
        raise typer.Exit(int(ExitCode.UNREACHABLE))


@app.command()
def probe(as_json: Json = False) -> None:
    """Say whether this machine's kernel can start a host at all; exit 7 when it cannot (any more)."""
    requirements.check_kernel()
    print_json({"starts_hosts": True}) if as_json else typer.echo("this kernel can start hosts")


@app.command()
def shell() -> None:
    """Open a shell inside the lab's network, where the plain commands of every tool work."""
    checkout = _checkout()
    raise typer.Exit(desk.shell(checkout, workbench.environment(checkout)))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(command: Annotated[list[str], typer.Argument(help="The command and its arguments.")]) -> None:
    """Run one command inside the lab's network; its exit code is returned."""
    checkout = _checkout()
    raise typer.Exit(desk.call(checkout, command, workbench.environment(checkout), cwd=Path.cwd()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def ssh(
    host: Annotated[str, typer.Argument(help="Name of a host.")],
    command: Annotated[list[str] | None, typer.Argument(help="What to run there.")] = None,
) -> None:
    """Log in to a host of the lab as its administrator."""
    checkout = _checkout()
    desk.find(provision.specification(_fleet()), host)
    words = ["ssh", "-F", str(desk.ssh_config(checkout)), host, *(command or [])]
    raise typer.Exit(desk.call(checkout, words, workbench.environment(checkout)))


@app.command("off")
def power_off(host: Annotated[str, typer.Argument(help="Name of a host.")], as_json: Json = False) -> None:
    """Cut the power of one host; `province lab up` starts it again."""
    was_on = desk.power_off(_checkout(), provision.specification(_fleet()), host)
    if as_json:
        print_json({"host": host, "changed": was_on})
        return
    typer.echo(f"{host}: {'off' if was_on else 'was off already'}")


def report(result: Report, as_json: bool) -> None:
    """Print what a run did to the lab; one line when nothing changed."""
    if as_json:
        print_json([vars(step) for step in result.steps])
        return
    for step in result.steps:
        if step.changed:
            typer.echo(f"{step.what:<16} {step.seconds:6.1f} s  {_some(step.changed)}")
    if not result.changed:
        typer.echo(f"lab: nothing to change ({sum(step.seconds for step in result.steps):.1f} s)")


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
