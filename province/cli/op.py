"""`province op`: an operator's actions on hosts, dry unless told `--go`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.job import ready
from province.cli.operation import Call, operate, verb
from province.cli.rotation import new_anchor, tell
from province.manifest.capability import CHECKOUT
from province.manifest.rotations import Kind, Phase
from province.ops.actions.catalogue import ACTIONS
from province.ops.actions.remote import SshRemote
from province.ops.actions.rotate_tunnels import asked_at
from province.ops.actions.runbook import text
from province.verify.selection import select_hosts

app = typer.Typer(no_args_is_help=True)

Words = Annotated[list[str], typer.Argument(metavar="HOSTS", help="Hosts, classes, sites, communes or wave:N.")]
ALL_AT_ONCE = ("batch", "failed_budget")
"""Options that a verb has no use for whose hosts are treated together, or one by one."""
AT_ANY_TIME = "emergency"
"""The option that a verb has no use for which waits for no window."""


@verb(app, "restart-service")
def restart_service(
    words: Words, service: Annotated[str, typer.Option(help="The service as systemd names it.")], call: Call
) -> None:
    """Restart one service."""
    operate("restart-service", {"service": service}, words, call)


@verb(app, "update-hosts")
def update_hosts(
    words: Words,
    call: Call,
    *,
    fetch: Annotated[bool, typer.Option("--fetch", help="Only fetch packages; nothing is installed.")] = False,
) -> None:
    """Bring hosts to their release."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"at": at, "fetch": _yes(fetch), "reason": " ".join(filter(None, (call.ticket, call.reason)))}
    operate("update-hosts", told, words, call)


@verb(app, "reboot-hosts")
def reboot_hosts(words: Words, call: Call) -> None:
    """Boot hosts anew that have to."""
    operate("reboot-hosts", {"emergency": _yes(call.emergency)}, words, call)


@verb(app, "drain-node", without=ALL_AT_ONCE)
def drain_node(words: Words, call: Call) -> None:
    """Empty a node of a cluster."""
    operate("drain-node", {}, words, call)


@verb(app, "undrain-node", without=("failed_budget",))
def undrain_node(words: Words, call: Call) -> None:
    """Let a node of a cluster take pods again."""
    operate("undrain-node", {}, words, call)


@verb(app, "revoke-node", without=(*ALL_AT_ONCE, AT_ANY_TIME))
def revoke_node(words: Words, call: Call) -> None:
    """Shut a stolen box out."""
    operate("revoke-node", {"nodes": _names(words, call), "reason": call.reason}, words, call)


@verb(app, "replace-node", without=(*ALL_AT_ONCE, AT_ANY_TIME))
def replace_node(
    words: Words,
    to: Annotated[Path, typer.Option("--to", help="Folder that gets HOST-seed and HOST-seed.tar; a USB stick, say.")],
    call: Call,
) -> None:
    """Swap the box of a node."""
    told = {"nodes": _names(words, call), "reason": call.reason, "to": str(to.absolute())}
    operate("replace-node", told, words, call)


@verb(app, "rotate")
def rotate(
    what: Annotated[Kind, typer.Argument(help="The authority.")],
    call: Call,
    phase: Annotated[Phase | None, typer.Option(help="The step; without it, where the rotation stands.")] = None,
    new: Annotated[
        Path | None, typer.Option(help="The public half of the new one, where a keeper elsewhere made it.")
    ] = None,
) -> None:
    """Have an authority followed by a new one."""
    if phase is None:
        fleet = ready(call.environment)
        tell(fleet, what, SshRemote(fleet), as_json=call.as_json)
        return
    anchor = new_anchor(what, new) if new else ""
    operate("rotate", {"what": str(what), "phase": str(phase), "reason": call.reason, "new": anchor}, [], call)


@verb(app, "rotate-tunnel-keys", without=ALL_AT_ONCE)
def rotate_tunnel_keys(
    path: Annotated[str, typer.Option("--path", help="The path whose tunnels get new keys: tslcd, internet, …")],
    call: Call,
) -> None:
    """Give the tunnels over a path new keys."""
    operate("rotate-tunnel-keys", {"path": path, "since": asked_at()}, [], call)


@verb(app, "collect-evidence", without=(*ALL_AT_ONCE, AT_ANY_TIME))
def collect_evidence(words: Words, call: Call) -> None:
    """Bring here what hosts know."""
    operate("collect-evidence", {}, words, call)


@app.command("runbooks")
def runbooks(write: Annotated[bool, typer.Option("--write", help="Write docs/runbooks/op-*.md.")] = False) -> None:
    """Print the runbook of every verb, out of its docstring, or write them all down."""
    folder = CHECKOUT / "docs" / "runbooks"
    for name, action in ACTIONS.items():
        told = text(action)
        if write:
            (folder / f"op-{name}.md").write_text(told, encoding="utf-8")
        typer.echo(f"docs/runbooks/op-{name}.md" if write else told)


def _names(words: list[str], call: Call) -> str:
    return " ".join(host.name for host in select_hosts(ready(call.environment), words))


def _yes(chosen: bool) -> str:
    return "yes" if chosen else "no"
