"""Certificates and requests as values, and what is wrong with one (RFC 5280; keys are EC P-256)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from province.pki.subject import Address, Subject

RENEW_BELOW = 1 / 3
"""The part of its life that a certificate must have left; below it is signed anew."""


@dataclass(frozen=True)
class Certificate:
    """What a certificate says. `public_key` is its key in DER, to be compared with another."""

    names: frozenset[str]
    addresses: frozenset[Address]
    public_key: bytes
    begins: datetime
    ends: datetime

    def left(self, now: datetime) -> timedelta:
        """How long it is valid yet; negative when it is over."""
        return self.ends - now

    def is_due(self, now: datetime) -> bool:
        """Whether it has to be renewed."""
        return self.left(now) < (self.ends - self.begins) * RENEW_BELOW


def read(pem: str) -> Certificate:
    """A certificate from PEM text; ValueError when it is none."""
    return _said(x509.load_pem_x509_certificate(pem.encode()))


def requested_key(pem: str) -> bytes:
    """The public key, in DER, of a signing request whose sender has the private one; ValueError otherwise."""
    return key_bytes(checked_request(pem).public_key())


def checked_request(pem: str) -> x509.CertificateSigningRequest:
    """A signing request that its own key has signed and whose key is EC P-256; ValueError otherwise."""
    request = x509.load_pem_x509_csr(pem.encode())
    if not request.is_signature_valid:
        raise ValueError("the request is not signed by the key that it names")
    key = request.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("the key of the request is not EC P-256")
    return request


def fault(pem: str, subject: Subject, authority: str, now: datetime) -> str:
    """Why a certificate does not serve a subject under an authority (PEM, one or several); empty if it does."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        said = _said(found)
    except (ValueError, x509.ExtensionNotFound):
        return "is no certificate"
    issuers = x509.load_pem_x509_certificates(authority.encode()) if authority else []
    if not any(_issued(found, issuer) for issuer in issuers):
        return "is not signed by the authority"
    if said.names != set(subject.names) or said.addresses != set(subject.addresses):
        return "names other names or addresses than the model"
    if said.left(now) <= timedelta():
        return f"is over since {said.ends:%Y-%m-%d}"
    return f"ends on {said.ends:%Y-%m-%d}, time to renew it" if said.is_due(now) else ""


def key_of(pem: str) -> bytes:
    """A public key in PEM as DER; ValueError when it is none."""
    return key_bytes(load_pem_public_key(pem.encode()))


def key_bytes(key: object) -> bytes:
    """A public key in the form in which two can be compared: SubjectPublicKeyInfo in DER."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not an EC key")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _said(found: x509.Certificate) -> Certificate:
    others = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return Certificate(
        names=frozenset(others.get_values_for_type(x509.DNSName)),
        addresses=frozenset(
            one for one in others.get_values_for_type(x509.IPAddress) if isinstance(one, IPv4Address | IPv6Address)
        ),
        public_key=key_bytes(found.public_key()),
        begins=found.not_valid_before_utc.astimezone(UTC),
        ends=found.not_valid_after_utc.astimezone(UTC),
    )


def issued(pem: str, authority: str) -> bool:
    """Whether an authority (PEM) signed a certificate (PEM); ValueError when either is none."""
    return _issued(x509.load_pem_x509_certificate(pem.encode()), x509.load_pem_x509_certificate(authority.encode()))


def _issued(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
