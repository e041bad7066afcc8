"""The keys of signed zones that the lab's resolvers ask others for: a test answers for such a zone with its key.

The lab has no Internet, so no signature of the real root reaches it; a zone with an anchor of its own is validated
all the same (RFC 4035, section 5). Algorithm 13, ECDSA P-256 with SHA-256 (RFC 6605).
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from province.lab.state import Place

ALGORITHM = 13
FLAGS = 257
"""A key that signs the zone's keys too: secure entry point (RFC 4034, section 2.1.1)."""
PROTOCOL = 3


def key_file(place: Place, zone: str) -> Path:
    """Where the private key of a zone lies."""
    return place.root / "zones" / f"{zone}.key"


def key(place: Place, zone: str) -> ec.EllipticCurvePrivateKey:
    """The private key of a zone, made if there is none."""
    path = key_file(place, zone)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    found = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)  # noqa: S101 - made above
    return found


def anchor(place: Place, zone: str) -> str:
    """The zone's public key as a line of a zone file: what resolvers are told to trust."""
    point = key(place, zone).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return f"{zone}. IN DNSKEY {FLAGS} {PROTOCOL} {ALGORITHM} {base64.b64encode(point[1:]).decode()}\n"
