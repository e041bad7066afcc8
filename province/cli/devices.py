"""`province devices`: the sensors that are declared, and their certificates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.ops.devices import issue as sign
from province.pki import authority

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(environment: Environment = "lab", as_json: Json = False) -> None:
    """Print every declared device: its name, what it measures, and its commune."""
    fleet = load_fleet(environment)
    rows = sorted(fleet.registers.devices.rows, key=lambda one: (one.commune, one.id))
    if as_json:
        print_json([one.model_dump(mode="json") for one in rows])
        return
    for one in rows:
        typer.echo(f"{one.id:<32} {one.kind:<16} {one.commune} {fleet.communes[one.commune].name}")


@app.command()
def issue(
    name: Annotated[str, typer.Argument(help="A declared device.", metavar="NAME")],
    request: Annotated[Path, typer.Option(help="Signing request (PEM) that the device made; its key stays there.")],
    environment: Environment = "lab",
    keeper: Annotated[
        Path | None, typer.Option("--authority", help="Folder with the authority of devices: service-ca.key and .pem.")
    ] = None,
) -> None:
    """Print a certificate for a device, valid for a year; it names the device and nothing else."""
    fleet = load_fleet(environment)
    try:
        asked = request.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvinceError(f"{request}: {error}", hint="name a file in PEM", exit_code=ExitCode.USAGE) from None
    signer = authority.load(keeper or authority.authority_folder(fleet) / authority.DEVICES)
    typer.echo(sign(fleet, name, asked, signer, datetime.now(UTC)), nl=False)
