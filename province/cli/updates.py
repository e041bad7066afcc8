"""`province updates`: which release of updates hosts may have now, what is held, and what a month costs the lines."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import typer

from province.cli.options import Environment, Json, print_json
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.updates import reboot_windows, release_for, ring_of, seconds_on_line

MINUTE = 60


def updates(environment: Environment = "lab", as_json: Json = False) -> None:
    """Say which release each ring may have now, which packages are held, and how long a month takes on each line."""
    fleet = load_fleet(environment)
    now = datetime.now(UTC)
    rings, holds, lines, reboots = _rings(fleet, now), _holds(fleet, now), _lines(fleet), _reboots(fleet)
    if as_json:
        print_json({"rings": rings, "holds": holds, "lines": lines, "reboots": reboots})
        return
    for one in rings:
        typer.echo(f"ring     {one['ring']:<10} {one['hosts']:>4} hosts   {one['release'] or 'no release yet'}")
    for one in holds:
        over = "   over: it stops every update" if one["over"] else ""
        typer.echo(f"hold     {one['package']:<20} until {one['until']}   {one['owner']}: {one['reason']}{over}")
    for one in lines:
        typer.echo(
            f"month    {one['mbps']:>4} Mbps   {one['nodes']:>4} nodes   {fleet.province.updates.month_mb:.1f} MB in "
            f"{one['free_minutes']:.0f} minutes, {one['full_minutes']:.0f} on a line that all classes fill"
        )
    for place, times in reboots.items():
        typer.echo(f"reboot   {place:<20} {times or 'any time'}")
    typer.echo(f"{now.astimezone(LOCAL):%a %Y-%m-%d %H:%M}: province op update-hosts all says what hosts lack")


def _rings(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    """The rings that this environment has hosts of, in their order, each with its release."""
    first = {ring_of(fleet, host): host for host in fleet.hosts.values()}
    counted = Counter(ring_of(fleet, host) for host in fleet.hosts.values())
    order = [one.id for one in fleet.province.updates.rings if one.id in first]
    found = [(ring, release_for(fleet, first[ring], now)) for ring in order]
    return [{"ring": ring, "hosts": counted[ring], "release": row and row.id} for ring, row in found]


def _holds(fleet: Fleet, now: datetime) -> list[dict[str, Any]]:
    today = now.astimezone(LOCAL).date()
    rows = fleet.registers.update_holds.rows
    return [{**one.model_dump(mode="json"), "over": not one.holds(today)} for one in rows]


def _lines(fleet: Fleet) -> list[dict[str, Any]]:
    """How long a month takes on the leased lines, by their capacity."""
    leased = Counter(host.interfaces[0].mbps for host in fleet.hosts.values() if host.commune)
    month = fleet.province.updates.month_mb
    return [
        {
            "mbps": mbps,
            "nodes": count,
            "free_minutes": seconds_on_line(fleet, mbps, month, full=False) / MINUTE,
            "full_minutes": seconds_on_line(fleet, mbps, month, full=True) / MINUTE,
        }
        for mbps, count in sorted((mbps, count) for mbps, count in leased.items() if mbps)
    ]


def _reboots(fleet: Fleet) -> dict[str, str]:
    return {host.host_class: ", ".join(map(str, reboot_windows(fleet, host))) for host in fleet.hosts.values()}
