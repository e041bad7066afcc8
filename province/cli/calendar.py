"""`province calendar`: when hosts may be changed."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from province.cli.options import Environment, Json, print_json
from province.fleet.calendar import LOCAL, held, windows_of
from province.fleet.load import load_fleet


def calendar(environment: Environment = "lab", as_json: Json = False) -> None:
    """Say which windows and freezes there are, and what forbids a change of hosts now."""
    fleet = load_fleet(environment)
    now = datetime.now(UTC)
    forbids = held(fleet, fleet.hosts.values(), now)
    windows: dict[str, list[str]] = {}
    for host in fleet.hosts.values():
        windows.setdefault(host.site or "nodes of communes", [str(one) for one in windows_of(fleet, host)])
    if as_json:
        rows = [row.model_dump(mode="json") for row in fleet.registers.freezes.rows]
        print_json({"held": forbids, "windows": windows, "freezes": rows, "kept": fleet.environment.keeps_calendar})
        return
    for place, times in windows.items():
        typer.echo(f"window   {place:<20} {', '.join(times) or 'any time'}")
    for row in sorted(fleet.registers.freezes.rows, key=lambda one: one.since):
        assumed = "" if row.verified else f"   assumed; {row.owner} names the dates"
        typer.echo(
            f"freeze   {row.id:<24} {row.since} to {row.until}   {', '.join(row.kinds)}   {row.name.vi}{assumed}"
        )
    here = f"{now.astimezone(LOCAL):%a %Y-%m-%d %H:%M}"
    if not fleet.environment.keeps_calendar:
        typer.echo(f"{here}: {environment} keeps no calendar; its hosts may be changed at any time")
    else:
        typer.echo(f"{here}: {'; '.join(forbids) or 'hosts may be changed'}")
