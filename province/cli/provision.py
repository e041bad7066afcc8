"""`province provision`, `claim`, `boxes`: a seed for a box, the claim that it makes, and the boxes that a node had."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from province.cli.job import ready
from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.manifest.revoked import load_revoked
from province.manifest.seeds import Box, history, load_seeds
from province.manifest.trust import register_of, trust_folder
from province.pki.ssh_host import fingerprint
from province.seed import claim as claims
from province.seed.contact import collect
from province.seed.make import HOURS, Made, make, node_of, refuse_enrolled
from province.verify.signature import Signer, signer_of

LONGEST_HOURS = 336
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="A node of a commune, as `province show` names it.")]
To = Annotated[Path, typer.Option("--to", help="Folder that gets NODE-seed and NODE-seed.tar; a USB stick, say.")]


def provision(
    node: NodeName,
    to: To,
    environment: Environment = "lab",
    reason: Annotated[str, typer.Option(help="Why; the register writes it down.")] = "a new box",
    hours: Annotated[int, typer.Option(min=1, max=LONGEST_HOURS, help="How long its token is good.")] = HOURS,
    as_json: Json = False,
) -> None:
    """Write the seed with which a box becomes NODE by itself; it holds a token that is good once."""
    fleet = ready(environment)
    host = node_of(fleet, node)
    refuse_enrolled(fleet, host)
    now = datetime.now(UTC)
    made = make(fleet, host, to, reason=reason, now=now, hours=hours, signer=desk_signer(fleet))
    if as_json:
        print_json({key: str(value) for key, value in vars(made).items()})
        return
    for line in told(made, node):
        typer.echo(line)


def claim(
    node: NodeName,
    environment: Environment = "lab",
    file: Annotated[Path | None, typer.Option(help="A claim that somebody brought, instead of asking the box.")] = None,
    as_json: Json = False,
) -> None:
    """Let the box that claims to be NODE in: check its claim, sign its keys, bring it the certificate.

    Exit 4 when the box does not answer, 5 when the keeper of the authority has to sign first (`province sign`).
    """
    fleet = ready(environment)
    host = node_of(fleet, node)
    now = datetime.now(UTC)
    try:
        done = claims.accept(fleet, _claim_text(file), now, node) if file else collect(fleet, host, now)
    except ConnectionError as error:
        raise ProvinceError(
            f"{node}: no way to a box with its token: {error}",
            hint="is the box on and its line up? another box at its address is not believed, and not asked",
            exit_code=ExitCode.UNREACHABLE,
        ) from None
    if as_json:
        print_json({"host": node, "ssh": done.ssh, "certificate": done.certificate, "clock_off_s": done.clock_off_s})
    else:
        typer.echo(f"{node} is the box {fingerprint(done.ssh)}; its clock is {done.clock_off_s:+.0f} s off")
    if not done.certificate:
        typer.echo(
            f"the keeper of the authority has to sign: province sign; then again: province claim {node}", err=True
        )
        raise typer.Exit(int(ExitCode.DRIFT))
    gateways = " ".join(one.name for one in fleet.hosts.values() if one.host_class == "gateway")
    if not as_json:
        typer.echo(f'next: province apply {gateways} --reason "keys of {node}", then province apply {node}')


def boxes(node: NodeName, environment: Environment = "lab", as_json: Json = False) -> None:
    """Show the boxes that NODE was, with the fingerprints of their keys, from when until when, and why they went."""
    fleet = ready(environment)
    trust = trust_folder(fleet)
    enrolled = register_of(fleet).enrolled.keys
    found = list(history(node_of(fleet, node).name, load_seeds(trust), load_revoked(trust), enrolled))
    if as_json:
        print_json([_described(box) for box in found])
        return
    for number, box in enumerate(found, 1):
        since = f"{box.since:%Y-%m-%d %H:%M} UTC" if box.since else "enrolled without a seed"
        until = f"until {box.until:%Y-%m-%d %H:%M} UTC: {box.why}" if box.until else "today"
        typer.echo(f"box {number} of {node}: {since}, {until}")
        for name, key in sorted(box.keys.items()):
            typer.echo(f"  {name:<28} {fingerprint(key)}")
    if not found:
        typer.echo(f"{node} has had no box")


def told(made: Made, node: str) -> list[str]:
    """What somebody has to know of a seed."""
    signed = f"signed by {made.signer}" if made.signer else "not signed: the ssh configuration names no certificate"
    return [
        f"{made.folder}  ({signed})",
        f"{made.archive}",
        f"its token is good once, for {node} alone, until {made.expires:%Y-%m-%d %H:%M} UTC; keep it as you keep a key",
        f"on the box, as root: sh {made.folder.name}/start    then here: province claim {node}",
    ]


def desk_signer(fleet: Fleet) -> Signer | None:
    """Who signs what leaves this desk."""
    config = fleet.root / fleet.environment.id / "ssh_config"
    return signer_of(config) if config.is_file() else None


def _claim_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvinceError(f"{file}: cannot be read: {error}", exit_code=ExitCode.USAGE) from None


def _described(box: Box) -> dict[str, object]:
    keys = {name: fingerprint(key) for name, key in box.keys.items()}
    return {"keys": keys, "since": box.since, "until": box.until, "why": box.why}
