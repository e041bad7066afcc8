"""Several authorities in one file: hosts accept all that stand there, and the first one is the one that signs.

OpenSSH's public keys stand one to a line (sshd_config(5), TrustedUserCAKeys), X.509 certificates one after another in
PEM. An authority is known by a fingerprint, however its file is written.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Iterable

from province.pki import ssh_host

BEGIN = "-----BEGIN CERTIFICATE-----"
END = "-----END CERTIFICATE-----"
_PEM = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def parts(text: str) -> tuple[str, ...]:
    """The authorities in a file, in their order; comments and empty lines are none."""
    if BEGIN in text:
        return tuple(_PEM.findall(text))
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def signing(text: str) -> str:
    """The one that signs; empty where there is none yet."""
    return next(iter(parts(text)), "")


def joined(anchors: Iterable[str]) -> str:
    """The content of a file with these authorities."""
    return "".join(f"{one.strip()}\n" for one in anchors)


def for_hosts(text: str) -> str:
    """The same authorities in an order that does not say who signs, so that no host sees a change when that changes."""
    return "\n".join(sorted(parts(text)))


def fingerprint(anchor: str) -> str:
    """`SHA256:…` of a public key of OpenSSH, or of a certificate; ValueError for one that cannot be read."""
    if not anchor.startswith(BEGIN):
        return ssh_host.fingerprint(anchor)
    return f"SHA256:{hashlib.sha256(ssl.PEM_cert_to_DER_cert(anchor)).hexdigest()}"


def fingerprints(text: str) -> frozenset[str]:
    """The authorities that a file accepts."""
    return frozenset(fingerprint(one) for one in parts(text))
