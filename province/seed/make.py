"""Make a seed: a token that the register knows by its public half, and a folder and an archive with everything else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from province.bundle.sums import SUMS, checksum, write_sums
from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.locking import Holder, hold
from province.manifest.seeds import SEEDS, Seed, load_seeds, seeds_text
from province.manifest.trust import load_trust, register_of, trust_folder
from province.ops.enrol import write_register
from province.ops.workplace import Workplace
from province.pki.ssh_host import public_key
from province.seed.contents import TOKEN, contents
from province.verify.signature import Signer, signature_path
from province.whoami import operator

NAMESPACE = "province-seed"
"""What the signature of a seed is for (ssh-keygen(1), -n)."""
HOURS = 72
"""How long a token is good: a stick is made, carried to an island on the next boat, and used."""
SECRET = 0o600


@dataclass(frozen=True)
class Made:
    """A seed: its folder, the archive of it, until when its token is good, and who signed it (empty: nobody)."""

    folder: Path
    archive: Path
    expires: datetime
    signer: str


@contextmanager
def registering(fleet: Fleet, what: str) -> Iterator[None]:
    """Be the only one who writes the register of tokens; Locked names the other one."""
    with hold(Workplace.of(fleet).private / "seeds.lock", Holder.this_process(what)):
        yield


def node_of(fleet: Fleet, name: str) -> Host:
    """A node of the environment; ProvinceError for anything else."""
    host = fleet.hosts.get(name)
    if host is None:
        guess = nearest(name, list(fleet.hosts))
        raise ProvinceError(
            f"no host {name} in {fleet.environment.id}",
            hint=f'did you mean "{guess}"?' if guess else "province inventory lists them",
            exit_code=ExitCode.USAGE,
        )
    if host.host_class != "edge":
        raise ProvinceError(
            f"{name} is a {host.host_class}: only nodes of communes are provisioned by a seed", exit_code=ExitCode.USAGE
        )
    return host


def seed_folder(to: Path, node: Host) -> Path:
    """Where the seed of a node lies below the folder that gets it."""
    return to / f"{node.name}-seed"


def refuse_enrolled(fleet: Fleet, node: Host) -> None:
    """Raise ProvinceError for a node that has a box: another one takes its place by `replace-node` alone."""
    enrolled = register_of(fleet).enrolled
    if node.name in enrolled.keys or node.name in enrolled.certificates:
        raise ProvinceError(
            f"{node.name} has a box that is enrolled; another one cannot be provisioned beside it",
            hint=f"to replace it: province op replace-node {node.name}",
        )


def make(
    fleet: Fleet, node: Host, to: Path, *, reason: str, now: datetime, hours: float = HOURS, signer: Signer | None
) -> Made:
    """Write the seed of a node below the folder `to`; an older token of the node that is still open is withdrawn.

    The register comes first: a token that it does not know is worth nothing, and one that nobody has does no harm.
    Raises ProvinceError when the seed's folder holds something already.
    """
    folder = seed_folder(to, node)
    if folder.exists():
        raise ProvinceError(
            f"{folder} is there already", hint="name another folder, or remove the old seed", exit_code=ExitCode.USAGE
        )
    to.mkdir(parents=True, exist_ok=True)
    expires = now + timedelta(hours=hours)
    token, public = _new_token(node.name)
    with registering(fleet, f"a seed for {node.name}"):
        trust = trust_folder(fleet)
        rows = [
            row.model_copy(update={"withdrawn": now}) if row.host == node.name and row.is_open(now) else row
            for row in load_seeds(trust)
        ]
        rows.append(Seed(host=node.name, key=public, made=now, expires=expires, who=operator(), reason=reason))
        write_register({trust / SEEDS: seeds_text(rows)})
    name = signer.name if signer else ""
    files = contents(fleet, node, load_trust(fleet), token, made=now, expires=expires, signer=name)
    _write(folder, files, signer)
    archive = folder.with_suffix(".tar")
    # Sticks are FAT as a rule, where nothing can be closed afterwards: it is made with its mode.
    with (
        os.fdopen(os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, SECRET), "wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        packed.add(folder, folder.name)
    return Made(folder, archive, expires, name)


def _write(folder: Path, files: dict[str, str], signer: Signer | None) -> None:
    """The folder appears as a whole, or not at all."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    for place, text in files.items():
        target = fresh / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=SECRET if place == TOKEN else 0o644)
        target.write_text(text, encoding="utf-8")
    write_sums(fresh, {place: checksum(fresh / place) for place in files})
    if signer:
        signed = signer.sign((fresh / SUMS).read_bytes(), NAMESPACE)
        signature_path(fresh / SUMS).write_text(signed, encoding="utf-8")
    fresh.replace(folder)


def _new_token(name: str) -> tuple[str, str]:
    with TemporaryDirectory() as work:
        key = Path(work, "token")
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"seed of {name}", "-f", str(key)]
        subprocess.run(command, check=True, capture_output=True)
        public = key.with_suffix(".pub").read_text(encoding="utf-8")
        return key.read_text(encoding="utf-8"), public_key(public)
