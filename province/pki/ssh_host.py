"""SSH keys of hosts: how one is named, and the authority that signs them by OpenSSH (ssh-keygen(1), CERTIFICATES)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from province.errors import ExitCode, ProvinceError
from province.pki.subject import Subject

KEY = "ssh-host-ca"
"""The private key that signs hosts, in the folder of an environment's authority or of its keeper."""
DAYS = 400
"""As long as a certificate of a service, and a month to renew it in."""
KIND = b"ssh-ed25519"
KEY_BYTES = 32


def public_key(text: str) -> str:
    """An Ed25519 public key without its comment; ValueError for anything else (RFC 8709, 4)."""
    words = text.split()
    if len(words) < 2 or words[0] != KIND.decode():
        raise ValueError("is no Ed25519 key of SSH")
    try:
        found = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise ValueError("is no Ed25519 key of SSH") from None
    head = struct.pack(">I", len(KIND)) + KIND + struct.pack(">I", KEY_BYTES)
    if not found.startswith(head) or len(found) != len(head) + KEY_BYTES:
        raise ValueError("is no Ed25519 key of SSH")
    return " ".join(words[:2])


def fingerprint(key: str) -> str:
    """How ssh-keygen names a public key: `SHA256:…`; of a key that is not SSH's, the same over its text."""
    try:
        data = base64.b64decode(public_key(key).split()[1])
    except ValueError:
        data = key.encode()
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def is_for(certificate: str, key: str) -> bool:
    """Whether a certificate is one for this public key (PROTOCOL.certkeys of OpenSSH: kind, nonce, key)."""
    data = base64.b64decode(certificate.split()[1])
    parts = []
    for _ in range(3):
        size = struct.unpack(">I", data[:4])[0]
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return base64.b64decode(public_key(key).split()[1]).endswith(parts[2])


def sign(folder: Path, public: str, subject: Subject) -> str:
    """A certificate for a host's SSH key, by the authority whose key lies in a folder.

    Valid from an hour before this machine's time: the host's clock is not asked. Raises ProvinceError without such an
    authority.
    """
    authority = folder / KEY
    if not authority.is_file():
        raise ProvinceError(
            f"{authority}: no authority that could sign the SSH key of a host",
            hint="it is a private key by ssh-keygen, its public half is trust/ssh-host-ca.pub; the lab makes its own",
            exit_code=ExitCode.BAD_DATA,
        )
    names = ",".join([*reversed(subject.names), *map(str, subject.addresses)])
    with TemporaryDirectory() as work:
        key = Path(work, "key.pub")
        key.write_text(f"{public_key(public)}\n", encoding="utf-8")
        command = ["ssh-keygen", "-q", "-s", str(authority), "-h", "-I", subject.names[-1], "-n", names]
        command += ["-V", f"-1h:+{DAYS}d", "-z", str(time.time_ns()), str(key)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProvinceError(f"{authority} could not sign: {done.stderr.strip()}", exit_code=ExitCode.BAD_DATA)
        return Path(work, "key-cert.pub").read_text(encoding="utf-8")
