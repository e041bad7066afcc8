"""`province bundle`: everything a cluster is made of in one folder, for a site that reaches nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from province.bundle import folder
from province.bundle.gather import gather
from province.bundle.sums import SUMS, Fault, checksum, faults
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode
from province.fleet.load import load_fleet

app = typer.Typer(
    help="Everything a cluster is made of in one folder, with checksums and a bill of materials.",
    no_args_is_help=True,
)


@app.command("make")
def make(
    target: Annotated[Path, typer.Argument(help="A new folder.")],
    environment: Environment = "lab",
    as_json: Json = False,
) -> None:
    """Write a bundle and print the checksum that vouches for all of it; needs root."""
    contents = gather(load_fleet(environment))
    digest = folder.make(target, contents)
    if as_json:
        print_json({"folder": target, "sha256": digest})
        return
    counts = f"{len(contents.programs)} programs, {len(contents.images)} images, {len(contents.packages)} packages"
    typer.echo(f"{target}: {counts}\nsha256 of {SUMS}: {digest}")


@app.command("verify")
def verify(target: Annotated[Path, typer.Argument(help="The folder of a bundle.")], as_json: Json = False) -> None:
    """Name every file that is missing, altered or not listed; exit 1 when there is one."""
    tell(target, faults(target), as_json)


def tell(target: Path, found: list[Fault], as_json: bool) -> None:
    """Print what is wrong with a bundle and end with exit 1, or the checksum that vouches for it."""
    if as_json:
        print_json([vars(fault) for fault in found])
    else:
        for fault in found:
            typer.echo(str(fault))
    if found:
        raise typer.Exit(int(ExitCode.FAILED))
    if not as_json:
        typer.echo(f"sha256 of {SUMS}: {checksum(target / SUMS)}")
