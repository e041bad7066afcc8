"""Claims: a box says which keys it made, signed by the token of its seed; what is wrong with one, and taking it in.

The token never travels: it signs. Whether it is over is judged by this machine's clock alone.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact, NonBlank, Slug
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.enrolled import CERTIFICATES, REQUESTS, SSH_CERTIFICATE, SSH_KEY, SSH_REQUEST
from province.manifest.revoked import load_revoked
from province.manifest.seeds import SEEDS, Seed, Used, history, load_seeds, seeds_text
from province.manifest.trust import register_of, trust_folder
from province.ops.enrol import Registration, register, write_register
from province.pki import ssh_host
from province.pki.authority import authority_folder
from province.pki.ssh_host import fingerprint
from province.pki.subject import subject
from province.seed.contents import SSH_HOST_KEY
from province.seed.make import node_of, registering

NAMESPACE = "province-claim"
"""What a token's signature is for (ssh-keygen(1), -n)."""
LARGEST = 200_000
"""Characters of a claim that are read at all; a real one has about 5,000."""


class Claim(Fact):
    """What a box says: for which node, what its clock shows, and the public halves of its keys by their place."""

    format: Literal[1]
    host: Slug
    clock: int
    public: dict[NonBlank, str]

    @property
    def ssh(self) -> str:
        """The SSH key of the box; ValueError when there is none, or something else."""
        return ssh_host.public_key(self.public.get(f"{SSH_HOST_KEY}.pub", ""))


class Sealed(Fact):
    """A claim as text, and the signature over that text."""

    claim: Annotated[str, StringConstraints(max_length=LARGEST)]
    signature: Annotated[str, StringConstraints(max_length=LARGEST)]


@dataclass(frozen=True)
class Accepted:
    """What came of a claim: the box's SSH key, its certificate (empty: the keeper of the authority has to sign)."""

    host: str
    ssh: str
    certificate: str
    registration: Registration
    clock_off_s: float


def accept(fleet: Fleet, text: str, now: datetime, node: str = "") -> Accepted:
    """Take a claim into the registers, once; the same box may bring the same claim again.

    The token is marked as used, durably, before anything is signed. Raises ProvinceError that says why a claim is
    refused; then nothing has changed.
    """
    sealed, claim = _read(text)
    if node and claim.host != node:
        raise _refused(node, f"the box claims to be {claim.host}")
    host = node_of(fleet, claim.host)
    with registering(fleet, f"the claim of {host.name}"):
        trust = trust_folder(fleet)
        rows = load_seeds(trust)
        row = _judged(fleet, rows, sealed, claim, now)
        register(fleet, {host.name: claim.public}, now, write=False)  # refuses before anything is written
        off = claim.clock - now.timestamp()
        if row.used is None:
            used = row.model_copy(update={"used": Used(since=now, ssh=claim.ssh, clock_off_s=round(off))})
            write_register({trust / SEEDS: seeds_text(used if one is row else one for one in rows)})
        done = register(fleet, {host.name: claim.public}, now)
        return Accepted(host.name, claim.ssh, _certificate(fleet, host, claim.ssh), done, off)


def _judged(fleet: Fleet, rows: tuple[Seed, ...], sealed: Sealed, claim: Claim, now: datetime) -> Seed:
    """The token that signed a claim, which may be used; ProvinceError says why it may not."""
    row = next((one for one in rows if _signed_by(one, sealed)), None)
    if row is None:
        raise _refused(claim.host, f"no token of the register signed its claim{_standing(fleet, rows, claim)}")
    if row.host != claim.host:
        raise _refused(claim.host, f"its claim is signed by the token of {row.host}, which is good for that node alone")
    if row.used is not None:
        if row.used.ssh == claim.ssh:
            return row
        raise _refused(
            claim.host,
            f"its token was used on {row.used.since:%Y-%m-%d %H:%M} UTC by the box {fingerprint(row.used.ssh)}; "
            f"this box is {fingerprint(claim.ssh)}, and a second one is never let in by it",
        )
    if row.withdrawn is not None:
        raise _refused(claim.host, f"its token was withdrawn on {row.withdrawn:%Y-%m-%d %H:%M} UTC for a newer one")
    if now >= row.expires:
        raise _refused(claim.host, f"its token was good until {row.expires:%Y-%m-%d %H:%M} UTC")
    if claim.host in register_of(fleet).enrolled.keys:
        raise _refused(claim.host, f"it has a box that is enrolled{_standing(fleet, rows, claim)}")
    return row


def _standing(fleet: Fleet, rows: tuple[Seed, ...], claim: Claim) -> str:
    """Who the node's box is, for a claim that nothing supports."""
    enrolled = register_of(fleet).enrolled.keys
    boxes = list(history(claim.host, rows, load_revoked(trust_folder(fleet)), enrolled))
    if not boxes or boxes[-1].until:
        return ""
    known = boxes[-1].keys.get(SSH_KEY)
    whose = f"the box {fingerprint(known)}" if known else "another box"
    return f": the node is {whose}, and the one that claims to be it is {fingerprint(claim.ssh)}"


def _signed_by(row: Seed, sealed: Sealed) -> bool:
    """Whether a token made a signature, as OpenSSH sees it."""
    with TemporaryDirectory() as work:
        allowed, signature = Path(work, "allowed_signers"), Path(work, "signature")
        allowed.write_text(f'seed namespaces="{NAMESPACE}" {row.key}\n', encoding="utf-8")
        signature.write_text(sealed.signature, encoding="utf-8")
        command = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            str(allowed),
            "-I",
            "seed",
            "-n",
            NAMESPACE,
            "-s",
            str(signature),
        ]
        done = subprocess.run(command, input=sealed.claim.encode(), capture_output=True, check=False)
        return done.returncode == 0


def _certificate(fleet: Fleet, host: Host, key: str) -> str:
    """The certificate of a box's SSH key: signed here, or once the keeper has; until then its request waits."""
    trust = trust_folder(fleet)
    path = trust / CERTIFICATES / f"{host.name}{SSH_CERTIFICATE}"
    if path.is_file() and ssh_host.is_for(there := path.read_text(encoding="utf-8"), key):
        return there
    if fleet.environment.certificates_from == "controller":
        certificate = ssh_host.sign(authority_folder(fleet), key, subject(host))
        write_register({path: certificate})
        return certificate
    write_register({trust / REQUESTS / f"{host.name}{SSH_REQUEST}": f"{key}\n"})
    return ""


def _read(text: str) -> tuple[Sealed, Claim]:
    try:
        sealed = Sealed.model_validate_json(text[: 3 * LARGEST])
        claim = Claim.model_validate_json(sealed.claim)
        _ = claim.ssh
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ProvinceError(
            f"this is no claim of a box: {where}: {first['msg']}",
            hint="the box keeps its own as /var/lib/province-seed/claim.json",
            exit_code=ExitCode.BAD_DATA,
        ) from None
    except ValueError as error:
        raise ProvinceError(f"this is no claim of a box: its SSH key {error}", exit_code=ExitCode.BAD_DATA) from None
    return sealed, claim


def _refused(host: str, why: str) -> ProvinceError:
    return ProvinceError(
        f"{host}: refused: {why}",
        hint=f"a node without a box: province provision {host}; a box that replaces one: province op replace-node "
        f"{host}. If nobody of yours made this claim, somebody tries to be {host}",
    )


def answer_text(accepted: Accepted) -> str:
    """What the box is told."""
    return json.dumps({"host": accepted.host, "certificate": accepted.certificate})
