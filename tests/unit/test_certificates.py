"""Keys and certificates of the names that users know: what is due, and what a secret then holds."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from province.fleet.exposed import ExposedName
from province.fleet.system import Exposure
from province.ops.certificates import MISSING, judge, secret
from province.pki import authority

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NAME = ExposedName("portal.province.example", "portal", "web", 8080, Exposure.INTERNET)
SIGNER = authority.make("test", NOW)


def certificate(name: ExposedName, signer: authority.Authority = SIGNER) -> str:
    return base64.b64decode(secret(name, signer, NOW)["data"]["tls.crt"]).decode()


def test_a_secret_holds_a_key_and_the_certificate_of_that_key_for_that_name() -> None:
    made = secret(NAME, SIGNER, NOW)
    assert (made["metadata"]["namespace"], made["metadata"]["name"]) == ("portal", "web-internet-tls")
    key = load_pem_private_key(base64.b64decode(made["data"]["tls.key"]), password=None)
    found = x509.load_pem_x509_certificate(base64.b64decode(made["data"]["tls.crt"]))
    assert found.public_key() == key.public_key()
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME.host]
    found.verify_directly_issued_by(SIGNER.certificate)


def test_two_secrets_never_share_a_key() -> None:
    assert secret(NAME, SIGNER, NOW)["data"]["tls.key"] != secret(NAME, SIGNER, NOW)["data"]["tls.key"]


@pytest.mark.parametrize(
    ("there", "later", "why"),
    [
        ("", timedelta(), MISSING),
        (certificate(NAME), timedelta(), ""),
        (certificate(NAME), timedelta(days=200), ""),
        (certificate(NAME), timedelta(days=250), "time to renew it"),
        (certificate(NAME), timedelta(days=400), "is over since"),
        (certificate(replace(NAME, host="other.example")), timedelta(), "names other names"),
        (certificate(NAME, authority.make("other", NOW)), timedelta(), "not signed by the authority"),
        ("nonsense", timedelta(), "is no certificate"),
    ],
    # A certificate is another one at every start, and tests that run side by side must have the same names.
    ids=["missing", "new", "in use", "two thirds over", "over", "of another name", "of another authority", "nonsense"],
)
def test_a_certificate_is_due_when_it_does_not_serve_on(there: str, later: timedelta, why: str) -> None:
    found = judge(NAME, {("portal", NAME.secret): there}, SIGNER.pem, NOW + later)
    assert why in found
    assert bool(found) == bool(why)


def test_a_certificate_in_another_room_is_not_this_ones() -> None:
    assert judge(NAME, {("tourism", NAME.secret): certificate(NAME)}, SIGNER.pem, NOW) == MISSING
