"""`province export`: the model in the forms that other people's programs read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from province.cli.options import Environment, Json, print_json
from province.exports import folder
from province.exports.consumers import CONSUMERS
from province.exports.sources import Sources
from province.fleet.load import load_fleet
from province.manifest.trust import host_authority, register_of

Consumer = Literal[
    "netbox",
    "prometheus",
    "ssh",
    "dns",
    "public-dns",
    "backstage",
    "grafana",
    "questionnaire",
    "meeting-rooms",
    "all",
]


def export(
    consumer: Annotated[Consumer, typer.Argument(help="Who reads it.")],
    into: Annotated[Path, typer.Option(help="A folder; every consumer gets one of its own in it.")],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Write files for a consumer, or for all: what changed is written, what is no longer in the model removed."""
    fleet = load_fleet(environment)
    trust, authority = register_of(fleet), host_authority(fleet)
    plans = {}
    for name in CONSUMERS if consumer == "all" else (consumer,):
        place = into.absolute() / name
        sources = Sources(
            fleet=fleet,
            folder=place,
            today=datetime.now(UTC).date(),
            enrolled=trust.enrolled,
            host_authority=authority,
            before=folder.before(place),
        )
        plans[name] = folder.plan(place, CONSUMERS[name](sources))
    for plan in plans.values():
        folder.carry_out(plan)
    if as_json:
        print_json({name: {"written": plan.changed, "removed": plan.stale} for name, plan in plans.items()})
        return
    for name, plan in plans.items():
        for word, paths in (("wrote", plan.changed), ("removed", plan.stale)):
            for path in paths:
                typer.echo(f"{word:<8} {name}/{path}")
        counts = f"{len(plan.changed)} written, {len(plan.stale)} removed"
        typer.echo(f"{name:<14} {len(plan.files)} files: {counts}, {len(plan.files) - len(plan.changed)} as they were")
