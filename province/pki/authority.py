"""The authority that vouches for the hosts' services: its own key and certificate, and what it signs.

It takes nothing from a request but the key: which names a host may show is for the model to say.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.pki.certificate import checked_request
from province.pki.subject import Subject

KEY = "service-ca.key"
CERTIFICATE = "service-ca.pem"
DEVICES = "devices"
"""A folder below that of an environment's authority: another one, its files called alike, for sensors alone."""
YEARS = 10
LIFE = timedelta(days=365)
"""Of a host's certificate: with renewal below a third, at least four months are left to mend what goes wrong."""
EARLIER = timedelta(hours=1)
"""Valid from before now, for clocks that differ."""
COMMON_NAME_CHARACTERS = 64
"""The most that X.520 allows."""


@dataclass(frozen=True)
class Authority:
    """An authority whose private key is at hand."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """Its certificate as text: what others are told to trust."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def sign(self, request: str, subject: Subject, now: datetime) -> str:
        """A certificate (PEM) for the key of a request (PEM) and the names of a subject; ValueError for a bad request.

        It serves both ends of a connection (RFC 5280, 4.2.1.12): hosts show theirs to each other.
        """
        key = checked_request(request).public_key()
        others: list[x509.GeneralName] = [x509.DNSName(name) for name in subject.names]
        others += [x509.IPAddress(address) for address in subject.addresses]
        issuer = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        unsigned = (
            x509.CertificateBuilder()
            .subject_name(_named(subject.names[0]))
            .issuer_name(self.certificate.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - EARLIER)
            .not_valid_after(min(now + LIFE, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(others), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        )
        return unsigned.sign(self.key, SHA256()).public_bytes(Encoding.PEM).decode()


def authority_folder(fleet: Fleet) -> Path:
    """Where the controller keeps the authority of an environment that has it there; never committed."""
    return fleet.root.parent / ".province" / fleet.environment.id / "authority"


def make(name: str, now: datetime) -> Authority:
    """A new authority that signs hosts and no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    unsigned = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(key, unsigned.sign(key, SHA256()))


def ensure(folder: Path, name: str, now: datetime) -> tuple[Authority, bool]:
    """The authority of a folder, made first if it has none; also whether it was made."""
    if (folder / CERTIFICATE).exists():
        return load(folder), False
    authority = make(name, now)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / KEY).unlink(missing_ok=True)
    with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secret)
    (folder / CERTIFICATE).write_text(authority.pem, encoding="utf-8")
    return authority, True


def load(folder: Path) -> Authority:
    """The authority whose key lies in a folder without a passphrase; ProvinceError if there is none."""
    try:
        key = load_pem_private_key((folder / KEY).read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise ProvinceError(
            f"{folder}: no authority that could sign: {error}",
            hint=f"it holds {KEY} (EC P-256, PEM) and {CERTIFICATE}; name the folder that does",
            exit_code=ExitCode.BAD_DATA,
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ProvinceError(
            f"{folder}: {KEY} is not the key of {CERTIFICATE}",
            hint="put both files of one authority there",
            exit_code=ExitCode.BAD_DATA,
        )
    return Authority(key, certificate)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_CHARACTERS])])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
