"""`province op`: an operator's actions on hosts, dry unless told `--go`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.job import ready
from province.cli.operation import Call, operate, verb
from province.cli.rotation import new_anchor, tell
from province.fleet.calendar import FreezeKind
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


@verb(app, "decommission", without=ALL_AT_ONCE)
def decommission(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The node that leaves.")],
    call: Call,
    approved_by: Annotated[str, typer.Option(help="The second administrator, as the environment names them.")] = "",
    approval: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Their signature over the statement.")
    ] = None,
) -> None:
    """Let a node leave for good."""
    signature = approval.read_text(encoding="utf-8") if approval else ""
    told = {"nodes": host, "environment": call.environment, "reason": call.reason, "ticket": call.ticket}
    operate("decommission", {**told, "approved_by": approved_by, "approval": signature}, [], call)


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


@verb(app, "fence-site", without=(*ALL_AT_ONCE, AT_ANY_TIME))
def fence_site(site: Annotated[str, typer.Argument(help="The data centre.")], call: Call) -> None:
    """Keep a data centre from serving."""
    operate("fence-site", {"site": site, "reason": call.reason}, [site], call)


@verb(app, "unfence-site", without=ALL_AT_ONCE)
def unfence_site(site: Annotated[str, typer.Argument(help="The data centre.")], call: Call) -> None:
    """Let a fenced data centre serve again."""
    operate("unfence-site", {"site": site, "reason": call.reason}, [site], call)


@verb(app, "freeze-change", without=(*ALL_AT_ONCE, AT_ANY_TIME, "yes_hosts"))
def freeze_change(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its name in the register.")],
    since: Annotated[str, typer.Option(help="The first day.", metavar="YYYY-MM-DD")],
    until: Annotated[str, typer.Option(help="The last day.", metavar="YYYY-MM-DD")],
    kind: Annotated[list[FreezeKind], typer.Option(help="What is not done; may be given twice.")],
    vi: Annotated[str, typer.Option(help="What it is called in Vietnamese.")],
    en: Annotated[str, typer.Option(help="What it is called in English.")],
    owner: Annotated[str, typer.Option(help="Who names the dates, as in owners.yml.")],
    call: Call,
    source: Annotated[str, typer.Option(help="Where the dates come from, as in sources.yml.")] = "A",
    *,
    verified: Annotated[bool, typer.Option("--verified", help="The owner has named the dates.")] = False,
) -> None:
    """Declare days on which nothing is changed."""
    kinds = " ".join(dict.fromkeys(map(str, kind)))
    told = {"id": name, "since": since, "until": until, "kinds": kinds, "vi": vi, "en": en, "owner": owner}
    told |= {"source": source, "verified": _yes(verified), "reason": call.reason}
    operate("freeze-change", told, [], call)


@verb(app, "unfreeze-change", without=(*ALL_AT_ONCE, AT_ANY_TIME, "yes_hosts"))
def unfreeze_change(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its name in the register.")], call: Call
) -> None:
    """End a freeze before its last day."""
    operate("unfreeze-change", {"id": name, "reason": call.reason}, [], call)


@verb(app, "drill-etcd", without=(AT_ANY_TIME,))
def drill_etcd(words: Words, call: Call) -> None:
    """Restore a snapshot of a cluster's state and compare it."""
    operate("drill-etcd", {}, words, call)


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
