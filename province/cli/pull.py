"""`province node pull`: publish signed bundles, take them back, and see what nodes made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.inventory import ssh_config
from province.manifest.trust import load_trust
from province.ops import pull as pulling
from province.ops.question import over_ssh
from province.verify.selection import select_hosts
from province.verify.signature import Signer, signer_of

app = typer.Typer(no_args_is_help=True)

Nodes = Annotated[list[str] | None, typer.Argument(help="Nodes, communes or wave:N; all nodes by default.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; else it is only said.")]
BAD = ("refused", "failed", "unconfirmed")
"""How a try of a node ends that somebody has to look at (`province_node/pull.py`)."""


@app.command()
def publish(
    reason: Annotated[str, typer.Option(help="Why; the nodes write it down.")],
    hosts: Nodes = None,
    environment: Environment = "lab",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Sign what each node has to be, and bring it to both sites: nodes without a controller apply it, batch by batch.

    Do it last, after a roll-out: a node takes no bundle that is older than what a controller saw and left there.
    """
    fleet, now = load_fleet(environment), datetime.now(UTC)
    signer = _signer(fleet)
    times = list(pulling.plan(fleet, _nodes(fleet, hosts), now))
    if not yes:
        for spans, group in groupby(times, key=lambda one: one[1]):
            names = [name for name, _ in group]
            typer.echo(f"from {pulling.shown(spans[0][0])} UTC, {len(names)} nodes: {' '.join(names)}")
        typer.echo(f"until {pulling.shown(times[0][1][-1][1])} UTC; nothing was published; repeat it with --yes")
        return
    made = dict(pulling.bundles(Builder(fleet, load_trust(fleet)), times, signer, now, reason))
    found = dict(pulling.publish(fleet, over_ssh(fleet), made))
    if as_json:
        print_json({"number": int(now.timestamp()), "nodes": list(made), "sites": found})
    for site, complaints in found.items() if not as_json else ():
        typer.echo(f"{site:<16} {len(made) - len(complaints) if '' not in complaints else 0} of {len(made)} bundles")
        for name, why in complaints.items():
            typer.echo(f"  {name or site}: {why}")
    _leave(found)


@app.command()
def withdraw(hosts: Nodes = None, environment: Environment = "lab", yes: Yes = False, as_json: Json = False) -> None:
    """Take bundles back at both sites; a node that has applied its own keeps it."""
    fleet = load_fleet(environment)
    names = [host.name for host in _nodes(fleet, hosts)]
    if not yes:
        typer.echo(f"{len(names)} bundles would be withdrawn: {' '.join(names)}\nnothing was; repeat it with --yes")
        return
    found = dict(pulling.withdraw(fleet, over_ssh(fleet), names))
    if as_json:
        print_json(found)
    for site, had in found.items() if not as_json else ():
        typer.echo(f"{site:<16} {had.get('') or f'{sum(had.values())} withdrawn'}")
    _leave({site: had for site, had in found.items() if "" in had})


@app.command()
def status(hosts: Nodes = None, environment: Environment = "lab", as_json: Json = False) -> None:
    """Say what became of each node's last try, and what lies for it at the sites; exit 1 when one refused or failed."""
    fleet = load_fleet(environment)
    names, ask = [host.name for host in _nodes(fleet, hosts)], over_ssh(fleet)
    there = dict(pulling.published(fleet, ask))
    found = pulling.pulled(ask, names)
    if as_json:
        print_json({"published": there, "nodes": found})
    for site, lie in there.items() if not as_json else ():
        typer.echo(f"{site:<32} {lie.get('') or f'{len(lie)} bundles'}")
    for name, told in found.items() if not as_json else ():
        typer.echo(f"{name:<32} {_line(told)}")
    answers = [*found.values(), *there.values()]
    if any("trouble" in told or told.get("state") in BAD for told in answers):
        raise typer.Exit(int(ExitCode.FAILED))
    if any("unreachable" in told or "" in told for told in answers):
        raise typer.Exit(int(ExitCode.UNREACHABLE))


def _line(told: dict[str, Any]) -> str:
    if why := told.get("trouble") or told.get("unreachable"):
        return str(why)
    return f"{told['state']:<11} {pulling.shown(told['time'])}  {told['why']}"


def _nodes(fleet: Fleet, hosts: list[str] | None) -> list[Host]:
    return list(select_hosts(fleet, hosts)) if hosts else [one for one in fleet.hosts.values() if one.commune]


def _signer(fleet: Fleet) -> Signer:
    signer, wanted = signer_of(ssh_config(fleet)), fleet.environment.automation.name
    if signer is None or signer.name != wanted:
        raise ProvinceError(
            f"{ssh_config(fleet)}: nodes believe bundles that {wanted} signed, and its certificate is not there",
            hint="`province lab up` makes it in the lab; elsewhere: log in as automation does",
            exit_code=ExitCode.MACHINE,
        )
    return signer


def _leave(found: dict[str, dict[str, Any]]) -> None:
    """A site out of reach weighs less than a bundle that was not taken."""
    if any(name for complaints in found.values() for name in complaints):
        raise typer.Exit(int(ExitCode.FAILED))
    if any(complaints for complaints in found.values()):
        raise typer.Exit(int(ExitCode.UNREACHABLE))
