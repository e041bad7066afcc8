"""The command `province`: one thin module for each group of verbs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from province.cli import (
    apply,
    bundle,
    calendar,
    certificates,
    check,
    cloud,
    copies,
    coverage,
    dc,
    devices,
    diagram,
    docs,
    drift,
    enrol,
    evidence,
    export,
    incident,
    inventory,
    job,
    lab,
    migrate,
    node,
    op,
    provision,
    release,
    render,
    runs,
    schedule,
    secrets,
    shard,
    show,
    signatures,
    sizing,
    updates,
    verify,
)
from province.errors import ProvinceError
from province.toolchain.cli import app as toolchain

app = typer.Typer(
    name="province",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A province's infrastructure: one model, applied by Ansible and Pulumi, proven by testinfra.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data, 4 unreachable, 5 drift, 6 nothing selected, "
    "7 this machine cannot do it, 8 some fact could not be read, 9 what is known is too old, 10 a term of the law has "
    "passed.",
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of expected errors, too.")] = False,
) -> None:
    sys.tracebacklimit = 1000 if debug else 0
    _state["debug"] = debug


_state = {"debug": False}

app.command("check")(check.check)
app.command("show")(show.show)
app.command("render")(render.render)
app.command("inventory")(inventory.inventory)
app.command("coverage")(coverage.show_coverage)
app.command("sizing")(sizing.sizing)
app.command("diagram")(diagram.diagram)
app.command("docs")(docs.docs)
app.command("cloud")(cloud.cloud)
app.command("export")(export.export)
app.command("up")(job.up)
app.command("apply")(apply.apply)
app.command("calendar")(calendar.calendar)
app.command("updates")(updates.updates)
app.command("why")(runs.why)
app.command("drift")(drift.find_drift)
app.command("schedule")(schedule.schedule)
app.command("enrol")(enrol.enrol)
app.command("sign")(enrol.sign)
app.command("provision")(provision.provision)
app.command("claim")(provision.claim)
app.command("boxes")(provision.boxes)
app.command("certificates")(certificates.certificates)
app.command("verify")(verify.verify)
app.command("report")(verify.report)
app.add_typer(copies.app, name="copies", help="Copies of nodes: how old they are, and a restore that proves them.")
app.add_typer(dc.app, name="dc", help="One data centre, from bare hosts to filled cluster.")
app.add_typer(devices.app, name="devices", help="The sensors that are declared, and their certificates.")
app.add_typer(evidence.app, name="evidence", help="What verification saw: is it as it was written, and what changed.")
app.add_typer(incident.app, name="incident", help="Incidents: what happened, what the law wants by when, the drafts.")
app.add_typer(migrate.app, name="migrate", help="The old machine rooms move, wave by wave.")
app.add_typer(node.app, name="node", help="What hosts say of themselves, and the way back to an older state.")
app.add_typer(op.app, name="op", help="An operator's actions on hosts; each is only said unless told --go.")
app.add_typer(release.app, name="release", help="What changed for hosts since a release, and how to get here.")
app.add_typer(runs.app, name="runs", help="What `province apply` did: history, differences, a page; pause and abort.")
app.add_typer(secrets.app, name="secrets", help="Passwords and keys: sealed for whom, due, absent, in plain text.")
app.add_typer(shard.app, name="shard", help="One roll-out in several processes that share a store, here or on many.")
app.add_typer(signatures.app, name="signatures", help="Certificates with which people sign: who has one until when.")
app.add_typer(lab.app, name="lab", help="The province on this machine.")
app.add_typer(bundle.app, name="bundle")
app.add_typer(toolchain, name="toolchain", help="Pinned programs that no registry has prebuilt.")


def main() -> None:
    """Run the command; an expected error is one message on standard error and its own exit code."""
    try:
        app()
    except ProvinceError as error:
        if _state["debug"]:
            raise
        sys.stderr.write(f"{error}\n")
        sys.exit(int(error.exit_code))
