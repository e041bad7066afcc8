"""`province render`: the desired state of one host, or how it differs from another version of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from province.cli.options import Environment, Json, print_json
from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.fleet.load import load_fleet
from province.manifest.build import build
from province.manifest.difference import difference
from province.manifest.manifest import Manifest
from province.manifest.trust import load_trust, stand_in, trust_folder


def render(
    node: Annotated[str, typer.Argument(help="Name of a host.")],
    environment: Environment = "lab",
    diff: Annotated[str, typer.Option(help="Show only what differs from this Git revision.")] = "",
    as_json: Json = False,
) -> None:
    """Print everything that applying would make true on a host; touches nothing."""
    manifest = _render(node, environment)
    if diff:
        before = _at_revision(Path(__file__).resolve().parents[2], diff, node, environment)
        typer.echo(difference(before, manifest) or f"{node}: the same as at {diff}")
    elif as_json:
        print_json(asdict(manifest))
    else:
        typer.echo("\n".join(_text(manifest)))


def _render(node: str, environment: str) -> Manifest:
    fleet = load_fleet(environment)
    hosts = {host.name: host for host in (*fleet.nodes, *fleet.hosts.values())}
    if node not in hosts:
        guess = nearest(node, hosts)
        hint = f'did you mean "{guess}"?' if guess else "see `province inventory`"
        raise ProvinceError(f"no host {node!r}", hint=hint, exit_code=ExitCode.USAGE)
    trust = load_trust(fleet) if trust_folder(fleet).is_dir() else stand_in(fleet)
    return build(fleet, hosts[node], trust)


def _at_revision(checkout: Path, revision: str, node: str, environment: str) -> Manifest:
    """The manifest as the other revision's own code and data render it, in a work tree that is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        added = subprocess.run(
            ["git", "-C", checkout, "worktree", "add", "--detach", "--quiet", tree, revision],
            capture_output=True,
            text=True,
            check=False,
        )
        if added.returncode != 0:
            raise ProvinceError(f"no revision {revision!r}: {added.stderr.strip()}", exit_code=ExitCode.USAGE)
        try:
            shown = subprocess.run(
                [sys.executable, "-m", "province", "render", node, "--environment", environment, "--json"],
                cwd=tree,
                env={**os.environ, "PYTHONPATH": str(tree), "PROVINCE_TRUST": str(checkout / "inventories")},
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            subprocess.run(["git", "-C", checkout, "worktree", "remove", "--force", tree], check=True)
    if shown.returncode != 0:
        raise ProvinceError(f"{revision} cannot render {node}", hint=shown.stderr.strip())
    return TypeAdapter(Manifest).validate_json(shown.stdout)


def _text(manifest: Manifest) -> Iterator[str]:
    """The manifest as a person reads it: what is installed, opened and running, then every file in full."""
    yield f"# {manifest.host}: {', '.join(manifest.capabilities)}; digest {manifest.digest[:12]}"
    yield f"packages: {' '.join(manifest.packages)}"
    yield f"users: {' '.join(user.name for user in manifest.users)}"
    yield f"units: {' '.join(manifest.units)}"
    for door in manifest.listens:
        yield f"listens: {door.protocol}/{door.port} {door.process} from {', '.join(door.source)}"
    for key, setting in manifest.sysctls.items():
        yield f"sysctl: {key} = {setting.value}"
    for path, file in manifest.files.items():
        yield f"\n--- {path}  {file.owner}:{file.group} {file.mode}  ({file.capability}, {file.template})"
        yield "(secret)" if file.secret else file.content.rstrip()
