"""`province enrol`, `sign`: hosts make keys, the register takes their public halves, the authority signs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.manifest.enrolment import open_points
from province.manifest.trust import register_of
from province.ops import enrol as registration
from province.ops import hosts
from province.ops.workplace import Workplace


def enrol(
    environment: Environment = "lab",
    as_json: Json = False,
    host: Annotated[str, typer.Option(help="A host that was installed anew; without it, all that are due.")] = "",
) -> None:
    """Enrol the hosts that lack a key or certificate or must renew it; exit 5 when some are open afterwards."""
    fleet = load_fleet(environment)
    if host and host not in fleet.hosts:
        raise ProvinceError(f"no host {host} in {environment}", hint="province inventory", exit_code=ExitCode.USAGE)
    before = open_points(fleet, register_of(fleet), datetime.now(UTC))
    if before or host:
        chosen = (f"enrol_hosts={host}",) if host else ()
        hosts.configure(Workplace.of(fleet), playbook="enrol", variables=chosen)
    after = open_points(fleet, register_of(fleet), datetime.now(UTC))
    if as_json:
        print_json({"enrolled": sorted(set(before) - set(after)), "open": after})
    else:
        for name, points in after.items():
            typer.echo(f"{name:<32} {'; '.join(points)}")
        typer.echo(f"{len(fleet.hosts) - len(after)} of {len(fleet.hosts)} hosts are enrolled")
    if after:
        raise typer.Exit(int(ExitCode.DRIFT))


def sign(
    authority: Annotated[Path, typer.Option(help="Folder with service-ca.key and service-ca.pem.")],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Sign the requests that wait in the register: for the keeper of an authority whose key is with nobody else."""
    done = registration.sign_requests(load_fleet(environment), authority, datetime.now(UTC))
    print_json(done.signed) if as_json else typer.echo(f"{len(done.signed)} certificates signed")
