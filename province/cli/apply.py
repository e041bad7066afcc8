"""`province apply`: a change over hosts, in batches, each verified before the next."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from province.cli.job import ready
from province.cli.options import Environment, Json, print_json
from province.cli.watch import watching
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.rendering import Rendering
from province.manifest.trust import load_trust
from province.ops.node_ssh import SshContact
from province.ops.workplace import Workplace
from province.rollout.controller import Controller, Intent, Leave, all_runs, code_of, runs_of
from province.rollout.history import pending
from province.rollout.leave import with_leave
from province.rollout.plan import Plan, described, make_plan
from province.rollout.state import Run
from province.rollout.view import as_json as run_as_json
from province.rollout.view import ending
from province.verify.selection import select_hosts

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Only these hosts: names, classes, sites, communes or wave:N; all by default."),
]


def apply(
    words: Words = None,
    environment: Environment = "lab",
    reason: Annotated[str, typer.Option(help="Why; every host and the journal write it down.")] = "",
    ticket: Annotated[str, typer.Option(help="Where it was asked for.")] = "",
    only: Annotated[str, typer.Option(help="Only these capabilities, with commas between.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Only say what would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show every line of files that differs.")] = False,
    yes_hosts: Annotated[int | None, typer.Option(help="The number of hosts that shall change, for scripts.")] = None,
    waiting: Annotated[bool, typer.Option("--pending", help="Only hosts that earlier runs could not reach.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was paused or killed.")] = False,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Go over windows and freezes; needs --ticket, and the journal says so.")
    ] = False,
    soak: Annotated[int | None, typer.Option(min=0, help="Seconds that a batch is watched, not the model's.")] = None,
    as_json: Json = False,
) -> None:
    """Bring hosts to their declared state: canaries, data centres, shares of the nodes, the rest, islands last.

    Every host is asked what would change before any is touched; then the number of hosts has to be typed. Each batch is
    watched and verified before the next one. One that fails goes back by itself, and the run ends. Exit 4 when a host
    was out of reach, 1 when one failed.
    """
    fleet = ready(environment)
    work = Workplace.of(fleet)
    if check:
        _only_say(_planned(fleet, _chosen(fleet, work, words, waiting=waiting), only), diff=diff, as_json=as_json)
        return
    with watching(quiet=as_json) as watch:
        controller = Controller(work, fleet, watch, _to_stderr)
        if resume:
            if words or waiting or only:
                raise ProvinceError("--resume goes on with what was planned", exit_code=ExitCode.USAGE)
            with controller.alone("resume", patient=True) as lock:
                run = controller.resume(
                    lock, Builder(fleet, load_trust(fleet)), _leave(fleet, ticket, emergency=emergency)
                )
        else:
            intent = Intent(reason, ticket, _names(only), soak)
            with controller.alone(reason) as lock:
                controller.refuse_unfinished()
                plan = _planned(fleet, _chosen(fleet, work, words, waiting=waiting), only)
                if not as_json:
                    typer.echo("\n".join(described(plan, whole=diff)))
                touched = [fleet.hosts[one.host] for one in plan.differing]
                intent = with_leave(fleet, touched, datetime.now(UTC), intent, emergency=emergency)
                confirm(len(plan.differing), yes_hosts)
                run = controller.begin(plan, intent, lock)
    leave(run, as_json=as_json)


def leave(run: Run, *, as_json: bool) -> None:
    """Say how a run ended, and end with its exit code."""
    if as_json:
        print_json(run_as_json(run))
    else:
        for line in ending(run):
            typer.echo(line)
    if code := code_of(run):
        raise typer.Exit(int(code))


def confirm(count: int, yes_hosts: int | None) -> None:
    """See that the operator knows how many hosts will change, if any; ProvinceError otherwise."""
    if not count:
        return
    if yes_hosts is None:
        if not sys.stdin.isatty():
            raise ProvinceError(
                f"{count} hosts would change, and nobody is there to be asked; nothing was changed",
                hint=f"repeat it with --yes-hosts {count}",
                exit_code=ExitCode.USAGE,
            )
        typed = typer.prompt(
            f"type the number of hosts that shall change ({count} would)", default="", show_default=False
        )
        yes_hosts = int(typed) if typed.strip().isdigit() else None
    if yes_hosts != count:
        said = "what was typed" if yes_hosts is None else yes_hosts
        raise ProvinceError(f"{count} hosts would change, not {said}; nothing was changed", exit_code=ExitCode.USAGE)


def _leave(fleet: Fleet, ticket: str, *, emergency: bool) -> Leave:
    """What a resumed run asks before it goes on."""
    again = Intent("resumed", ticket)
    return lambda hosts: with_leave(fleet, hosts, datetime.now(UTC), again, emergency=emergency).against


def _planned(fleet: Fleet, hosts: tuple[Host, ...], only: str) -> Plan:
    return make_plan(Rendering.of(fleet, _names(only)), hosts, SshContact)


def _chosen(fleet: Fleet, work: Workplace, words: list[str] | None, *, waiting: bool) -> tuple[Host, ...]:
    """The hosts that the words mean; of them only those that wait since an earlier run, if that is wished."""
    hosts = select_hosts(fleet, words or ())
    if not waiting:
        return hosts
    names = pending(all_runs(runs_of(work)))
    chosen = tuple(host for host in hosts if host.name in names)
    if not chosen:
        raise ProvinceError("no host waits for a later run", exit_code=ExitCode.NOTHING_SELECTED)
    return chosen


def _only_say(plan: Plan, *, diff: bool, as_json: bool) -> None:
    if as_json:
        print_json(_plan_as_json(plan))
    else:
        typer.echo("\n".join(described(plan, whole=diff)))
    if plan.lost:
        raise typer.Exit(int(ExitCode.UNREACHABLE))


def _plan_as_json(plan: Plan) -> dict[str, Any]:
    return {
        "hosts": len(plan.looked),
        "as_declared": plan.as_declared,
        "groups": [vars(group) for group in plan.groups],
        "lost": plan.lost,
    }


def _names(only: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in only.split(",") if name.strip())


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
