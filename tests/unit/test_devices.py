"""Certificates of sensors: for declared devices alone, and by the authority that nodes are told to trust."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.trust import DEVICES_CA, trust_folder
from province.ops.devices import issue
from province.pki import authority
from province.pki.certificate import fault
from province.pki.subject import Subject

NOW = datetime.now(UTC)
NAME = "vinh-xuong-river-1"


@pytest.fixture
def fleet(data: Path) -> Fleet:
    """The lab with an authority of devices that its nodes trust."""
    fleet = load_fleet("lab", data)
    folder = trust_folder(fleet)
    folder.mkdir(exist_ok=True)
    made, _ = authority.ensure(keeper(fleet), "devices", NOW)
    (folder / DEVICES_CA).write_text(made.pem, encoding="utf-8")
    return fleet


def keeper(fleet: Fleet) -> Path:
    return authority.authority_folder(fleet) / authority.DEVICES


def request(common_name: str = "somebody else") -> str:
    names = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    key = ec.generate_private_key(ec.SECP256R1())
    signed = x509.CertificateSigningRequestBuilder().subject_name(names).sign(key, SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


def test_a_device_gets_the_name_of_the_register(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever name its request asks for; the certificate serves under the authority of devices."""
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(fleet.root))
    asked = tmp_path / "device.csr"
    asked.write_text(request(), encoding="utf-8")
    done = CliRunner().invoke(app, ["devices", "issue", NAME, "--request", str(asked)])
    assert done.exit_code == 0, done.output
    assert fault(done.output, Subject((NAME,)), authority.load(keeper(fleet)).pem, NOW) == ""
    (name,) = x509.load_pem_x509_certificate(done.output.encode()).subject
    assert name.value == NAME


def test_who_is_not_declared_gets_nothing(fleet: Fleet) -> None:
    with pytest.raises(ProvinceError, match="no device 'vinh-xuong-river-2'") as error:
        issue(fleet, "vinh-xuong-river-2", request(), authority.load(keeper(fleet)), NOW)
    assert error.value.exit_code == ExitCode.USAGE
    assert error.value.hint == 'did you mean "vinh-xuong-river-1"?'


def test_an_authority_that_no_node_trusts_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ProvinceError, match="is not signed by the authority"):
        issue(fleet, NAME, request(), authority.make("another", NOW), NOW)


def test_what_is_no_request_is_refused(fleet: Fleet) -> None:
    with pytest.raises(ProvinceError, match="not a request that could be signed"):
        issue(fleet, NAME, "not a request", authority.load(keeper(fleet)), NOW)


def test_the_list_says_where_each_device_stands() -> None:
    shown = CliRunner().invoke(app, ["devices", "list"]).output
    assert f"{NAME:<32} water-level      30385 Xã Vĩnh Xương\n" in shown
    rows = json.loads(CliRunner().invoke(app, ["devices", "list", "--json"]).output)
    assert {one["id"] for one in rows} >= {NAME}
