"""`province op`: an operator's actions on hosts, dry unless told `--go`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.job import ready
from province.cli.operation import Call, operate
from province.cli.options import Environment, Json
from province.cli.rotation import new_anchor, tell
from province.manifest.capability import CHECKOUT
from province.manifest.rotations import Kind, Phase
from province.ops.actions.catalogue import ACTIONS
from province.ops.actions.remote import SshRemote
from province.ops.actions.rotate_tunnels import asked_at
from province.ops.actions.runbook import purpose, text
from province.verify.selection import select_hosts

app = typer.Typer(no_args_is_help=True)

Words = Annotated[list[str], typer.Argument(metavar="HOSTS", help="Hosts, classes, sites, communes or wave:N.")]
Go = Annotated[bool, typer.Option("--go", help="Do it; else it is only said what would be done.")]
Reason = Annotated[str, typer.Option(help="Why; the journal writes it down.")]
Ticket = Annotated[str, typer.Option(help="Where it was asked for.")]
Batch = Annotated[int | None, typer.Option("--batch", min=1, help="At most so many hosts at a time.")]
Failures = Annotated[
    float | None, typer.Option("--failed-budget", min=0, max=100, help="Percent of a batch that may fail.")
]
Emergency = Annotated[
    bool, typer.Option("--emergency", help="Go over windows and freezes; needs --ticket, and the journal says so.")
]
YesHosts = Annotated[int | None, typer.Option(help="The number of hosts it is done on, for scripts.")]


@app.command("restart-service", help=purpose(ACTIONS["restart-service"]))
def restart_service(
    words: Words,
    service: Annotated[str, typer.Option(help="The service as systemd names it.")],
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    batch: Batch = None,
    failed_budget: Failures = None,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Restart one service."""
    call = Call(environment, go, reason, ticket, batch, failed_budget, yes_hosts, as_json, emergency)
    operate("restart-service", {"service": service}, words, call)


@app.command("update-hosts", help=purpose(ACTIONS["update-hosts"]))
def update_hosts(
    words: Words,
    fetch: Annotated[bool, typer.Option("--fetch", help="Only fetch packages; nothing is installed.")] = False,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    batch: Batch = None,
    failed_budget: Failures = None,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Bring hosts to their release."""
    call = Call(environment, go, reason, ticket, batch, failed_budget, yes_hosts, as_json, emergency)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": at, "fetch": _yes(fetch), "reason": " ".join(filter(None, (ticket, reason)))}
    operate("update-hosts", told, words, call)


@app.command("reboot-hosts", help=purpose(ACTIONS["reboot-hosts"]))
def reboot_hosts(
    words: Words,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    batch: Batch = None,
    failed_budget: Failures = None,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Boot hosts anew that have to."""
    call = Call(environment, go, reason, ticket, batch, failed_budget, yes_hosts, as_json, emergency)
    operate("reboot-hosts", {"emergency": _yes(emergency)}, words, call)


@app.command("drain-node", help=purpose(ACTIONS["drain-node"]))
def drain_node(
    words: Words,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Empty a node of a cluster."""
    operate(
        "drain-node",
        {},
        words,
        Call(environment, go, reason, ticket, yes_hosts=yes_hosts, as_json=as_json, emergency=emergency),
    )


@app.command("undrain-node", help=purpose(ACTIONS["undrain-node"]))
def undrain_node(
    words: Words,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    batch: Batch = None,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Let a node of a cluster take pods again."""
    operate(
        "undrain-node",
        {},
        words,
        Call(environment, go, reason, ticket, batch, yes_hosts=yes_hosts, as_json=as_json, emergency=emergency),
    )


@app.command("revoke-node", help=purpose(ACTIONS["revoke-node"]))
def revoke_node(
    words: Words,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Shut a stolen box out."""
    nodes = " ".join(host.name for host in select_hosts(ready(environment), words))
    call = Call(environment, go, reason, ticket, yes_hosts=yes_hosts, as_json=as_json)
    operate("revoke-node", {"nodes": nodes, "reason": reason}, words, call)


@app.command("replace-node", help=purpose(ACTIONS["replace-node"]))
def replace_node(
    words: Words,
    to: Annotated[Path, typer.Option("--to", help="Folder that gets HOST-seed and HOST-seed.tar; a USB stick, say.")],
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Swap the box of a node."""
    nodes = " ".join(host.name for host in select_hosts(ready(environment), words))
    call = Call(environment, go, reason, ticket, yes_hosts=yes_hosts, as_json=as_json)
    operate("replace-node", {"nodes": nodes, "reason": reason, "to": str(to.absolute())}, words, call)


@app.command("rotate", help=purpose(ACTIONS["rotate"]))
def rotate(
    what: Annotated[Kind, typer.Argument(help="The authority.")],
    phase: Annotated[Phase | None, typer.Option(help="The step; without it, where the rotation stands.")] = None,
    new: Annotated[
        Path | None, typer.Option(help="The public half of the new one, where a keeper elsewhere made it.")
    ] = None,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    batch: Batch = None,
    failed_budget: Failures = None,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Have an authority followed by a new one."""
    if phase is None:
        fleet = ready(environment)
        tell(fleet, what, SshRemote(fleet), as_json=as_json)
        return
    call = Call(environment, go, reason, ticket, batch, failed_budget, yes_hosts, as_json, emergency)
    arguments = {"what": str(what), "phase": str(phase), "reason": reason, "new": new_anchor(what, new) if new else ""}
    operate("rotate", arguments, [], call)


@app.command("rotate-tunnel-keys", help=purpose(ACTIONS["rotate-tunnel-keys"]))
def rotate_tunnel_keys(
    path: Annotated[str, typer.Option("--path", help="The path whose tunnels get new keys: tslcd, internet, …")],
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    emergency: Emergency = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Give the tunnels over a path new keys."""
    call = Call(environment, go, reason, ticket, yes_hosts=yes_hosts, as_json=as_json, emergency=emergency)
    operate("rotate-tunnel-keys", {"path": path, "since": asked_at()}, [], call)


@app.command("collect-evidence", help=purpose(ACTIONS["collect-evidence"]))
def collect_evidence(
    words: Words,
    environment: Environment = "lab",
    reason: Reason = "",
    ticket: Ticket = "",
    go: Go = False,
    yes_hosts: YesHosts = None,
    as_json: Json = False,
) -> None:
    """Bring here what hosts know."""
    operate("collect-evidence", {}, words, Call(environment, go, reason, ticket, yes_hosts=yes_hosts, as_json=as_json))


@app.command("runbooks")
def runbooks(write: Annotated[bool, typer.Option("--write", help="Write docs/runbooks/op-*.md.")] = False) -> None:
    """Print the runbook of every verb, out of its docstring, or write them all down."""
    folder = CHECKOUT / "docs" / "runbooks"
    for verb, action in ACTIONS.items():
        told = text(action)
        if write:
            (folder / f"op-{verb}.md").write_text(told, encoding="utf-8")
        typer.echo(f"docs/runbooks/op-{verb}.md" if write else told)


def _yes(chosen: bool) -> str:
    return "yes" if chosen else "no"
