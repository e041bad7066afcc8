"""`province node`: what hosts say of themselves, and the way back to an older state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from province.cli import pull
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode
from province.fleet.load import load_fleet
from province.ops import node_talk
from province.ops.node_ssh import SshContact
from province.ops.node_wire import NodeTrouble, ask, request
from province.verify.selection import select_hosts

app = typer.Typer(no_args_is_help=True)
app.add_typer(pull.app, name="pull", help="Signed bundles that nodes apply by themselves when no controller is there.")

Hosts = Annotated[list[str], typer.Argument(help="Hosts, classes, sites, communes or wave:N.")]
Seconds = Annotated[int, typer.Option(help="How long a host waits for the confirmation before it goes back.")]


@app.command()
def status(hosts: Hosts, environment: Environment = "lab", as_json: Json = False) -> None:
    """Say what each host last got to, what differs from that, what waits, and what nobody declared; exit 5 on drift."""
    found = _each(hosts, environment, lambda contact: ask(contact, request("status")))
    _print(found, as_json, _status_lines)
    drifted = any(answer.get("differs") or answer.get("put_back") for answer in found.values())
    _leave(found, ExitCode.DRIFT if drifted else ExitCode.OK)


@app.command()
def generations(hosts: Hosts, environment: Environment = "lab", as_json: Json = False) -> None:
    """List the last good states that each host keeps and can go back to."""
    found = _each(hosts, environment, lambda contact: ask(contact, request("generations")))
    _print(found, as_json, _generation_lines)
    _leave(found, ExitCode.OK)


@app.command()
def rollback(
    hosts: Hosts,
    reason: Annotated[str, typer.Option(help="Why; the host writes it down.")],
    environment: Environment = "lab",
    to: Annotated[int | None, typer.Option(help="The generation to go back to; the one before by default.")] = None,
    confirm_seconds: Seconds = 300,
    yes: Annotated[bool, typer.Option("--yes", help="Do it on more than one host; else they are only listed.")] = False,
    as_json: Json = False,
) -> None:
    """Make an older state the wanted one again, from the host's own copy; guarded changes are confirmed as always.

    A change that still waits for its confirmation is put back instead.
    """
    names = [host.name for host in select_hosts(load_fleet(environment), hosts)]
    if len(names) > 1 and not yes:
        typer.echo(f"{len(names)} hosts would go back: {' '.join(names)}\nnothing was changed; repeat it with --yes")
        return
    back = _each(hosts, environment, lambda contact: node_talk.roll_back(contact, to, reason, confirm_seconds))
    _print(back, as_json, _rollback_lines)
    _leave(back, ExitCode.OK)


def _each(hosts: list[str], environment: str, act: Callable[[SshContact], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What became of each host: its answer, or `trouble`, or `unreachable`."""
    fleet = load_fleet(environment)
    found: dict[str, dict[str, Any]] = {}
    for host in select_hosts(fleet, hosts):
        try:
            found[host.name] = act(SshContact(fleet, host.name))
        except NodeTrouble as trouble:
            found[host.name] = {"trouble": str(trouble)}
        except ConnectionError as error:
            found[host.name] = {"unreachable": str(error)}
    return found


def _print(found: dict[str, dict[str, Any]], as_json: bool, lines_of: Callable[[dict[str, Any]], list[str]]) -> None:
    if as_json:
        print_json(found)
        return
    for name, answer in found.items():
        failed = [f"{key}: {answer[key]}" for key in ("unreachable", "trouble") if key in answer]
        head, *rest = failed or lines_of(answer)
        typer.echo(f"{name:<32} {head}")
        for line in rest:
            typer.echo(f"  {line}")


def _leave(found: dict[str, dict[str, Any]], otherwise: ExitCode) -> None:
    """End with the worst of all hosts: failed, then unreachable, then what the verb itself found."""
    answers = found.values()
    code = otherwise
    if any("unreachable" in answer for answer in answers):
        code = ExitCode.UNREACHABLE
    if any("trouble" in answer for answer in answers):
        code = ExitCode.FAILED
    if code:
        raise typer.Exit(int(code))


def _status_lines(answer: dict[str, Any]) -> list[str]:
    applied, waits, back = answer["applied"], answer["under_way"], answer["put_back"]
    lines = ["nothing was applied yet"]
    if applied:
        why = f" ({applied['reason']})" if applied["reason"] else ""
        generation = applied.get("generation", "?")
        lines = [f"generation {generation} of {applied['time']} by {applied['controller']}{why}"]
    if waits:
        lines.append(
            f"{waits['phase']}: generation {waits['generation']} by {waits['controller']} since {waits['since']}"
        )
    if back:
        lines.append(f"put back at {back['time']}: {back['why']}")
    lines += [f"differs: {text}" for text in answer["differs"]]
    return lines + [f"foreign: {path}" for path in answer["foreign"]]


def _generation_lines(answer: dict[str, Any]) -> list[str]:
    records = answer["generations"]
    lines = [f"{len(records)} kept"]
    for record in reversed(records):
        here = "*" if record["generation"] == answer["now"] else " "
        words = (record["time"], record["controller"], f"{len(record['changes'])} changes", record["reason"])
        lines.append(f"{here} {record['generation']:>4}  {'  '.join(words)}")
    return lines


def _rollback_lines(answer: dict[str, Any]) -> list[str]:
    head = answer.get("put_back") or f"back to what generation {answer['to']} was"
    return [*str(head).splitlines(), *answer["changes"]]
