"""`province certificates`: the names that users know have keys and certificates, renewed before they end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.exposed import ExposedName
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.ops import certificates as keeping
from province.ops.workplace import Workplace
from province.pki import authority


def certificates(
    site: Annotated[str, typer.Argument(help="A data centre.", metavar="SITE")],
    environment: Environment = "lab",
    renew: Annotated[list[str] | None, typer.Option(help="A name to renew whatever its certificate says.")] = None,
    keeper: Annotated[
        Path | None, typer.Option("--authority", help="Folder with service-ca.key and service-ca.pem.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is due.")] = False,
    as_json: Json = False,
) -> None:
    """Give every name of a site that is due a new key and certificate; exit 5 when `--check` finds one that is."""
    fleet = load_fleet(environment)
    chosen = _site(fleet, site)
    work = Workplace.of(fleet)
    now = datetime.now(UTC)
    names, found = keeping.due(work, fleet, chosen, now, renew or ())
    if unknown := sorted(set(renew or ()) - {one.host for one in names}):
        raise ProvinceError(f"{site} shows no name {', '.join(unknown)}", hint=_listed(names), exit_code=ExitCode.USAGE)
    if found and not check:
        signer = authority.load(keeper or authority.authority_folder(fleet))
        keeping.issue(work, chosen, [one.name for one in found], signer, now)
    if as_json:
        print_json({"names": [one.host for one in names], "due": {one.name.host: one.why for one in found}})
    else:
        for one in found:
            typer.echo(f"{one.name.host:<48} {one.why}")
        typer.echo(f"{len(found)} of {len(names)} certificates {'are due' if check else 'issued'}")
    if found and check:
        raise typer.Exit(int(ExitCode.DRIFT))


def _site(fleet: Fleet, name: str) -> Site:
    sites = {one.id: one for one in fleet.data_centres}
    if name not in sites:
        raise ProvinceError(f"no site {name!r}", hint="there are: " + ", ".join(sites), exit_code=ExitCode.USAGE)
    return sites[name]


def _listed(names: list[ExposedName]) -> str:
    return "there are: " + ", ".join(one.host for one in names)
