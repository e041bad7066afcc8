"""Signatures of evidence by OpenSSH: the certificate that opens the hosts also signs what was seen there.

Format: PROTOCOL.sshsig of OpenSSH, as `ssh-keygen -Y sign` writes it. Anybody can check one by hand:
`ssh-keygen -Y verify -f allowed_signers -I NAME -n province-evidence -s FILE.sig < FILE`.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from province.errors import ExitCode, ProvinceError

NAMESPACE = "province-evidence"
"""What the signature is for; one made for anything else does not count (ssh-keygen(1), -n)."""


@dataclass(frozen=True)
class Signer:
    """Who signs: a certificate of the operators' authority, with its private key beside it, and the name in it."""

    certificate: Path
    name: str

    def sign(self, data: bytes, namespace: str = NAMESPACE) -> str:
        """The signature over `data`, armoured; ProvinceError with what ssh-keygen said when there is none."""
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.certificate), "-n", namespace],
            input=data,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProvinceError(
                f"{self.certificate}: nothing could be signed: {done.stderr.decode(errors='replace').strip()}",
                hint="the private key must lie beside the certificate, or in the agent",
                exit_code=ExitCode.MACHINE,
            )
        return done.stdout.decode()


def signer_of(ssh_config: Path) -> Signer | None:
    """Who the environment's ssh configuration logs in as; None without a certificate that is there."""
    done = subprocess.run(["ssh", "-F", str(ssh_config), "-G", "evidence"], capture_output=True, check=False)
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    there = [path for path in map(_expanded, found.get("certificatefile", [])) if path.is_file()]
    return Signer(there[0], found["user"][0]) if there else None


@dataclass(frozen=True)
class Authority:
    """The public key of the authority whose certificates may sign."""

    public_key: str

    def problem(self, data: bytes, signature: str, name: str, when: datetime, namespace: str = NAMESPACE) -> str:
        """Why a signature over `data` by `name`, made at `when`, does not count; empty when it does."""
        if not signature:
            return "is not signed"
        with TemporaryDirectory() as folder:
            allowed, signed = Path(folder, "allowed_signers"), Path(folder, "signature")
            allowed.write_text(f'* cert-authority,namespaces="{namespace}" {self.public_key}\n', encoding="utf-8")
            signed.write_text(signature, encoding="utf-8")
            command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", name, "-n", namespace]
            command += ["-O", f"verify-time={when.astimezone(UTC):%Y%m%d%H%M%SZ}", "-s", str(signed)]
            done = subprocess.run(command, input=data, capture_output=True, check=False)
        if done.returncode == 0:
            return ""
        said = [line for line in (done.stderr + done.stdout).decode(errors="replace").splitlines() if line.strip()]
        reason = (
            said[0].partition("allowed_signers:1: ")[2] or said[0].replace(folder, "…") if said else "no reason given"
        )
        return f"the signature by {name!r} does not hold ({reason})"


def _expanded(path: str) -> Path:
    return Path(path).expanduser()


def read_signature(path: Path) -> str:
    """The text of a signature's file; empty when there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def signature_path(path: Path) -> Path:
    """Where the signature of a file lies."""
    return path.with_name(f"{path.name}.sig")
