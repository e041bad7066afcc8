"""`province copies`: how old the copies of nodes are, a restore that proves them, and what is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.trust import COPIES_SEAL, trust_folder
from province.ops import copies as keeping
from province.ops.question import over_ssh
from province.pki import seal as seals
from province.pki.authority import authority_folder
from province.verify.selection import select_hosts

app = typer.Typer(no_args_is_help=True)
HOUR_S = 3600
RECORDS = "docs/records"
"""Where the checkout keeps records of work that controls ask for."""

Nodes = Annotated[list[str] | None, typer.Argument(help="Nodes, communes or wave:N; all nodes by default.")]
Site = Annotated[str, typer.Option(help="The data centre whose copies are meant.")]


@app.command()
def status(hosts: Nodes = None, environment: Environment = "lab", as_json: Json = False) -> None:
    """Say how old the newest copy of each node at each site is; exit 9 when one is too old, 4 when a node is silent."""
    fleet = load_fleet(environment)
    nodes = [host.name for host in _nodes(fleet, hosts)]
    found = keeping.status(over_ssh(fleet), nodes)
    if as_json:
        print_json(found)
    for node, told in found.items() if not as_json else ():
        for line in _lines(told):
            typer.echo(f"{node:<32} {line}")
    answers = found.values()
    code = ExitCode.STALE if any(keeping.late(told) for told in answers) else ExitCode.OK
    if any("unreachable" in told for told in answers):
        code = ExitCode.UNREACHABLE
    if any("trouble" in told for told in answers):
        code = ExitCode.FAILED
    if code:
        raise typer.Exit(int(code))


@app.command()
def drill(
    node: Annotated[str, typer.Argument(help="A node; it need not be there any more.")],
    site: Site,
    environment: Environment = "lab",
    into: Annotated[Path | None, typer.Option(help=f"Folder for the record; {RECORDS} of this checkout.")] = None,
    as_json: Json = False,
) -> None:
    """Restore the newest copies of a node at a site, compare every file with its checksum, and file a record.

    What comes back lies in a folder of the store's own, away from any network, and is removed. The row that is printed
    belongs into `inventories/fleet/registers/work-records.yml` (control 85).
    """
    fleet = load_fleet(environment)
    if node not in fleet.hosts or fleet.hosts[node].host_class != "edge":
        raise ProvinceError(f"{node}: no such node in {environment}", exit_code=ExitCode.USAGE)
    told = keeping.drill(fleet, over_ssh(fleet), node, site)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    path, digest = keeping.record(into or fleet.root.parent / RECORDS, told, today)
    if as_json:
        print_json({**told, "record": str(path), "sha256": digest})
        return
    for kind, one in told["classes"].items():
        typer.echo(f"{kind:<8} of {one['made'][:16]}: {one['same']} files as they were copied")
    kept = path.relative_to(fleet.root.parent) if path.is_relative_to(fleet.root.parent) else path
    typer.echo(f"restored and compared in {told['seconds']} s; commit {kept}, and in work-records.yml:")
    typer.echo(f"    done: {{on: {today}, by: NAME, passed: true, kept_in: {kept}, sha256: {digest}}}")


@app.command()
def thin(
    site: Annotated[str, typer.Argument(help="The data centre whose copies are thinned out.")],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Forget copies that are older than the model keeps them, free their room, and check what is left."""
    fleet = load_fleet(environment)
    found = dict(keeping.thin(fleet, over_ssh(fleet), site))
    if as_json:
        print_json(found)
    for box, told in found.items() if not as_json else ():
        typer.echo(f"{box:<50} {told.get('trouble') or '{before} copies, {left} left'.format(**told)}")
    if any("trouble" in told for told in found.values()):
        raise typer.Exit(int(ExitCode.FAILED))


@app.command()
def seal(environment: Environment = "lab") -> None:
    """Make the seal for which nodes seal their passwords, unless there is one; the private key belongs into a safe."""
    fleet = load_fleet(environment)
    public = seals.ensure(authority_folder(fleet))
    there = trust_folder(fleet) / COPIES_SEAL
    if there.is_file() and there.read_text(encoding="utf-8") != public:
        raise ProvinceError(
            f"{there}: nodes seal for another key than {authority_folder(fleet) / seals.KEY}",
            hint="bring back the private key that belongs to it; a new seal opens no copy that is there",
            exit_code=ExitCode.BAD_DATA,
        )
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_text(public, encoding="utf-8")
    typer.echo(f"{there}: commit it; {authority_folder(fleet) / seals.KEY}: keep it, on paper in a safe, too")


def _nodes(fleet: Fleet, hosts: list[str] | None) -> list[Any]:
    chosen = select_hosts(fleet, hosts) if hosts else fleet.hosts.values()
    return [host for host in chosen if host.host_class == "edge"]


def _lines(told: dict[str, Any]) -> list[str]:
    """By site: age in hours, and why there is none younger."""
    if why := told.get("trouble") or told.get("unreachable"):
        return [why]
    lines = []
    for site, one in told.items():
        age = f"{one['age_s'] / HOUR_S:.1f} h" if "made" in one else f"no copy since {one['age_s'] / HOUR_S:.1f} h"
        note = " TOO OLD" if site in keeping.late(told) else ""
        lines.append(f"{site:<16} {age}{note}{'  ' + one['error']['text'] if 'error' in one else ''}")
    return lines
