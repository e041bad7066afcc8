"""Signatures of evidence by OpenSSH: the certificate that opens the hosts also signs what was seen there.

Format: PROTOCOL.sshsig of OpenSSH, as `ssh-keygen -Y sign` writes it. Anybody can check one by hand:
`ssh-keygen -Y verify -f allowed_signers -I NAME -n province-evidence -s FILE.sig < FILE`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from province.errors import ExitCode, ProvinceError
from province.pki.anchors import parts

NAMESPACE = "province-evidence"
"""What the signature is for; one made for anything else does not count (ssh-keygen(1), -n)."""
STAMP = "%Y%m%d%H%M%SZ"
"""A moment of UTC as ssh-keygen writes it (ssh-keygen(1), TIME FORMATS)."""


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
    """The authorities whose certificates may sign: public keys, one a line, and those that did until a moment."""

    public_key: str
    retired: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def allowed(self, namespace: str) -> str:
        """The authorities as ssh-keygen(1) reads them (ALLOWED SIGNERS)."""
        options = f'cert-authority,namespaces="{namespace}"'
        keys = dict.fromkeys(parts(self.public_key), "")
        keys |= {key: f',valid-before="{end.astimezone(UTC):{STAMP}}"' for key, end in self.retired.items()}
        return "".join(f"* {options}{until} {key}\n" for key, until in keys.items())

    def problem(self, data: bytes, signature: str, name: str, when: datetime, namespace: str = NAMESPACE) -> str:
        """Why a signature over `data` by `name`, made at `when`, does not count; empty when it does."""
        if not signature:
            return "is not signed"
        with TemporaryDirectory() as folder:
            allowed, signed = Path(folder, "allowed_signers"), Path(folder, "signature")
            allowed.write_text(self.allowed(namespace), encoding="utf-8")
            signed.write_text(signature, encoding="utf-8")
            command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", name, "-n", namespace]
            command += ["-O", f"verify-time={when.astimezone(UTC):{STAMP}}", "-s", str(signed)]
            done = subprocess.run(command, input=data, capture_output=True, check=False)
        if done.returncode == 0:
            return ""
        said = [line for line in (done.stderr + done.stdout).decode(errors="replace").splitlines() if line.strip()]
        reason = re.sub(r"^.*allowed_signers:\d+: ", "", said[0]).replace(folder, "…") if said else "no reason given"
        return f"the signature by {name!r} does not hold ({reason})"


def _expanded(path: str) -> Path:
    return Path(path).expanduser()


def read_signature(path: Path) -> str:
    """The text of a signature's file; empty when there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def signature_path(path: Path) -> Path:
    """Where the signature of a file lies."""
    return path.with_name(f"{path.name}.sig")
