"""How a verb of `province op` is carried out: looked at first, and with `--go` done in batches, each seen healthy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from province.cli.apply import confirm, leave
from province.cli.job import ready
from province.cli.options import Environment, Json, print_json
from province.cli.watch import watching
from province.errors import ExitCode
from province.ops.actions.action import Scene, batches, chosen, look
from province.ops.actions.catalogue import ACTIONS, action_of
from province.ops.actions.remote import SshRemote
from province.ops.actions.runbook import purpose
from province.ops.actions.told import narrated, planned
from province.ops.workplace import Workplace
from province.rollout.controller import Controller, Intent, Order
from province.rollout.entries import AnyEntry
from province.rollout.journal import Watch
from province.rollout.leave import with_leave
from province.rollout.plan import Plan
from province.rollout.state import Run
from province.verify.selection import select_hosts

Verb = TypeVar("Verb", bound=Callable[..., None])


@dataclass(frozen=True)
class Call:
    """What all verbs are told alike: each field is an option of a command."""

    environment: Environment = "lab"
    reason: Annotated[str, typer.Option(help="Why; the journal writes it down.")] = ""
    ticket: Annotated[str, typer.Option(help="Where it was asked for.")] = ""
    go: Annotated[bool, typer.Option("--go", help="Do it; else it is only said what would be done.")] = False
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="At most so many hosts at a time.")] = None
    failed_budget: Annotated[
        float | None, typer.Option("--failed-budget", min=0, max=100, help="Percent of a batch that may fail.")
    ] = None
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Go over windows and freezes; needs --ticket, and the journal says so.")
    ] = False
    yes_hosts: Annotated[int | None, typer.Option(help="The number of hosts it is done on, for scripts.")] = None
    as_json: Json = False


def verb(app: typer.Typer, name: str, *, without: Collection[str] = ()) -> Callable[[Verb], Verb]:
    """Make a function a command: the options of `Call` are added to its own parameters, but for those it is `without`.

    The function gets them as its parameter `call`; its help is the purpose of the action with the same name.
    """
    hints = get_type_hints(Call, include_extras=True)
    common = [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(Call)
        if one.name not in without
    ]

    def made(function: Verb) -> Verb:
        own = [one for one in signature(function, eval_str=True).parameters.values() if one.name != "call"]

        def command(**told: Any) -> None:
            call = Call(**{one.name: told.pop(one.name) for one in common})
            function(**told, call=call)

        both = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own] + common
        command.__signature__ = Signature(both)  # type: ignore[attr-defined] # what typer makes options of
        command.__annotations__ = {one.name: one.annotation for one in both}
        app.command(name, help=purpose(ACTIONS[name]))(command)
        return function

    return made


def operate(verb: str, arguments: Mapping[str, str], words: list[str], call: Call) -> None:
    """Look at every host; with `--go`, do it in batches and see each healthy before the next."""
    fleet = ready(call.environment)
    work = Workplace.of(fleet)
    action = action_of(verb, arguments)
    scene = Scene(fleet, SshRemote(fleet), work.private / "runs" / "none")  # nothing was kept yet
    hosts = chosen(action, fleet, select_hosts(fleet, words))
    if not call.go:
        leave_dry(look(action, scene, hosts), action.about(fleet), as_json=call.as_json)
        return
    intent = Intent(call.reason, call.ticket)
    if action.keeps_calendar:
        intent = with_leave(fleet, hosts, datetime.now(UTC), intent, emergency=call.emergency)
    with watching(quiet=call.as_json) as watch:
        controller = Controller(work, fleet, _narrating(watch, quiet=call.as_json), _to_stderr)
        with controller.alone(f"{verb}: {call.reason}", urgent=action.urgent) as lock:
            if not action.urgent:
                controller.refuse_unfinished()
            plan = look(action, scene, hosts)
            if not call.as_json:
                typer.echo("\n".join((*action.about(fleet), *planned(plan))))
            confirm(len(plan.differing), call.yes_hosts)
            action.prepare(scene)
            todo = [host for host in hosts if host.name in plan.digests]
            budget = fleet.province.rollout.failed_budget if call.failed_budget is None else call.failed_budget
            together = batches(action, fleet, todo, call.batch)
            run = controller.carry_out(Order(verb, arguments, together, budget, action.urgent), plan, intent, lock)
    leave(run, as_json=call.as_json)


def leave_dry(plan: Plan, about: tuple[str, ...] = (), *, as_json: bool) -> None:
    """Say what would be done; exit 4 when a host did not answer."""
    if as_json:
        would = [vars(one) for one in plan.groups]
        print_json({"about": about, "would": would, "nothing": plan.as_declared, "lost": plan.lost})
    else:
        typer.echo(
            "\n".join((*about, *planned(plan), "nothing was changed; repeat it with --go and --reason to do it"))
        )
    if plan.lost:
        raise typer.Exit(int(ExitCode.UNREACHABLE))


def _narrating(watch: Watch, *, quiet: bool) -> Watch:
    """Say what is done to each host, beside what the view of a run shows."""

    def hear(run: Run, entry: AnyEntry) -> None:
        watch(run, entry)
        if (line := narrated(entry)) and not quiet:
            _to_stderr(f"  {line}")

    return hear


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
