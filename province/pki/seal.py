"""The seal of the copies: nodes seal the passwords of their copies for it, and only the controller can open them.

A node is burnt with its password; what it sealed stands in the register of enrolled hosts. So the private key is what
copies are worth: it lies beside the service authority, is never committed, and belongs into a safe on paper, too.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from province.errors import ExitCode, ProvinceError

KEY = "copies-seal.key"
BITS = 3072
"""As strong as P-256, by which all else here is signed (NIST SP 800-57 part 1, table 2)."""
OAEP = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)


def ensure(folder: Path) -> str:
    """The public half (PEM) of the seal in a folder, which is made first if there is none."""
    if not (folder / KEY).exists():
        secret = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public_half(load(folder))


def load(folder: Path) -> rsa.RSAPrivateKey:
    """The private key of a folder; ProvinceError if there is none or it is no RSA key without a passphrase."""
    try:
        key = load_pem_private_key((folder / KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(folder, str(error)) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _no_key(folder, "it is no RSA key")
    return key


def public_half(key: rsa.RSAPrivateKey) -> str:
    """What nodes are told to seal for."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def opened(key: rsa.RSAPrivateKey, sealed: str, whose: str) -> str:
    """The password in what a node sealed (base64); ProvinceError when it was sealed for somebody else."""
    try:
        return key.decrypt(base64.b64decode(sealed, validate=True), OAEP).decode()
    except (binascii.Error, ValueError):
        raise ProvinceError(
            f"{whose}: what the register holds was not sealed for {KEY}",
            hint="bring back the key that was there when the node was enrolled; without it nobody reads these copies",
            exit_code=ExitCode.BAD_DATA,
        ) from None


def _no_key(folder: Path, why: str) -> ProvinceError:
    return ProvinceError(
        f"{folder / KEY}: no key that opens what nodes sealed: {why}",
        hint="bring it from the safe; where copies never were, `province copies seal` makes one",
        exit_code=ExitCode.BAD_DATA,
    )
