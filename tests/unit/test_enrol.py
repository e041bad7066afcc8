"""Enrolment: what the authority signs, what the register takes, who is due, and what is refused."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from province.errors import ProvinceError
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.enrolled import CERTIFICATES, KEYS, REQUESTS, Enrolled, keys_text, load_enrolled
from province.manifest.enrolment import not_enrolled, open_points, registered_keys
from province.manifest.inventory import ENROL_DUE, inventory
from province.manifest.manifest import Key
from province.manifest.trust import SERVICE_CA, register_of, stand_in, trust_folder
from province.ops.enrol import register, sign_requests
from province.pki import authority
from province.pki.authority import LIFE, Authority
from province.pki.certificate import fault, read
from province.pki.subject import subject

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
REQUEST_PLACE = "/etc/ssl/province/host.key.csr"


def request(common_name: str, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    """A signing request as openssl makes one."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    unsigned = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = unsigned.sign(key or ec.generate_private_key(ec.SECP256R1()), SHA256())
    return signed.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def lab(data: Path) -> Fleet:
    """An environment whose authority lies with the controller."""
    fleet = load_fleet("lab", data)
    trust = trust_folder(fleet)
    for left in trust.rglob("*.*") if trust.exists() else ():
        left.unlink()
    trust.mkdir(exist_ok=True)
    made, _ = authority.ensure(authority.authority_folder(fleet), "services", NOW)
    (trust / SERVICE_CA).write_text(made.pem, encoding="utf-8")
    return fleet


def enrol(fleet: Fleet, *names: str, now: datetime = NOW) -> None:
    register(fleet, {name: shown(fleet, name, request(name)) for name in names}, now)


def shown(fleet: Fleet, name: str, text: str) -> dict[str, str]:
    """What a host shows: a request and the public keys of its tunnels."""
    places = registered_keys(Builder(fleet, stand_in(fleet)).keys(fleet.hosts[name])).values()
    return {REQUEST_PLACE: text, **{place: f"public key in {place}" for place in places}}


def test_the_authority_s_key_is_readable_by_nobody_else(tmp_path: Path) -> None:
    first, made = authority.ensure(tmp_path / "authority", "services", NOW)
    again, made_again = authority.ensure(tmp_path / "authority", "services", NOW)
    assert (made, made_again) == (True, False)
    assert again.pem == first.pem
    assert stat.S_IMODE((tmp_path / "authority" / authority.KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "authority").stat().st_mode) == 0o700


def test_a_certificate_has_the_names_of_the_model_and_not_those_of_the_request(lab: Fleet) -> None:
    host = lab.hosts["rach-gia-services-1"]
    signer = authority.load(authority.authority_folder(lab))
    signed = signer.sign(request("somebody.else.example"), subject(host), NOW)
    said = read(signed)
    assert said.names == {host.fqdn, host.name}
    assert said.addresses == {address for one in host.interfaces for address in one.address.plain}
    assert fault(signed, subject(host), signer.pem, NOW) == ""
    usage = x509.load_pem_x509_certificate(signed.encode()).extensions.get_extension_for_class(x509.BasicConstraints)
    assert usage.critical
    assert not usage.value.ca


def test_enrolled_hosts_are_not_due_and_the_others_say_why(lab: Fleet) -> None:
    name = next(iter(lab.hosts))
    assert set(open_points(lab, register_of(lab), NOW)) == set(lab.hosts)
    enrol(lab, name)
    points = open_points(lab, register_of(lab), NOW)
    assert set(points) == set(lab.hosts) - {name}
    assert {found[-1] for found in points.values()} == {"has no certificate"}
    assert points["rach-gia-gateway-1"][0] == "has no public key gov-internet"
    assert inventory(lab, NOW)["groups"][ENROL_DUE] == [name for name in inventory(lab, NOW)["hosts"] if name in points]
    assert {finding.key for finding in not_enrolled(lab, register_of(lab), NOW)} == set(points)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (LIFE * 0.6, ""),
        (LIFE * 0.7, "ends on"),
        (LIFE + timedelta(days=1), "is over since"),
    ],
)
def test_a_certificate_is_renewed_when_less_than_a_third_of_its_life_is_left(
    later: timedelta, expected: str, lab: Fleet
) -> None:
    name = next(iter(lab.hosts))
    enrol(lab, name)
    found = open_points(lab, register_of(lab), NOW + later).get(name, ("",))
    assert expected in found[0]
    assert bool(found[0]) == bool(expected)


def test_the_register_is_written_once_and_again_only_when_something_changes(lab: Fleet) -> None:
    name = next(iter(lab.hosts))
    key = ec.generate_private_key(ec.SECP256R1())
    answers = {name: shown(lab, name, request(name, key))}
    assert not register(lab, {}, NOW).changed
    assert register(lab, answers, NOW, write=False).signed == (name,)
    assert not register_of(lab).enrolled.certificates
    assert register(lab, answers, NOW).signed == (name,)
    assert not register(lab, {name: shown(lab, name, request(name, key))}, NOW).changed
    assert register(lab, {name: shown(lab, name, request(name))}, NOW).signed == (name,), "another"
    assert register(lab, answers, NOW + LIFE * 0.7).signed == (name,), "renewed"


@pytest.mark.parametrize("text", ["", "hello", request("a").replace("M", "N", 3)], ids=["empty", "hello", "broken"])
def test_what_is_no_request_is_refused_with_the_host_s_name(text: str, lab: Fleet) -> None:
    name = next(iter(lab.hosts))
    with pytest.raises(ProvinceError, match=f"{name}: its certificate request cannot be used"):
        register(lab, {name: shown(lab, name, text)}, NOW)


def test_an_authority_that_hosts_do_not_trust_signs_nothing(lab: Fleet) -> None:
    (trust_folder(lab) / SERVICE_CA).write_text(authority.make("another", NOW).pem, encoding="utf-8")
    with pytest.raises(ProvinceError, match="is not signed by the authority"):
        enrol(lab, next(iter(lab.hosts)))


def test_requests_wait_for_an_authority_that_lies_elsewhere(data: Path, tmp_path: Path) -> None:
    fleet = load_fleet("production", data)
    keeper = tmp_path / "vault"
    made, _ = authority.ensure(keeper, "services", NOW)
    trust_folder(fleet).mkdir(exist_ok=True)
    (trust_folder(fleet) / SERVICE_CA).write_text(made.pem, encoding="utf-8")
    name = "rach-gia-bastion-1"
    answers = {name: {REQUEST_PLACE: request(name)}}
    assert register(fleet, answers, NOW).requested == (name,)
    assert not register(fleet, answers, NOW).changed
    assert name in open_points(fleet, register_of(fleet), NOW)
    assert sign_requests(fleet, keeper, NOW).signed == (name,)
    assert list((trust_folder(fleet) / REQUESTS).iterdir()) == []
    assert name not in open_points(fleet, register_of(fleet), NOW)


def test_a_capability_that_needs_a_certificate_waits_and_is_named(lab: Fleet) -> None:
    host = lab.hosts["rach-gia-services-1"]
    before = Builder(lab, register_of(lab)).build(host)
    enrol(lab, host.name)
    after = Builder(lab, register_of(lab)).build(host)
    assert before.waiting["certificate"] == before.waiting["dns"] == ("certificate",)
    assert "/etc/unbound/unbound.conf" not in before.files
    assert "unbound" not in before.packages
    assert "/etc/ssl/province/host.key" in before.keys
    assert "/etc/ssl/province/host.pem" not in before.files
    assert after.waiting == {}
    assert after.files["/etc/ssl/province/host.pem"].content.endswith("-----END CERTIFICATE-----\n")


def test_the_register_keeps_public_keys_by_name() -> None:
    wireguard = Key("wireguard", "root", "root", "0600", "a.example", ())
    own = Key("x509-ec", "root", "root", "0600", "a.example", ())
    keys = {"/etc/wireguard/rach-gia-1.key": wireguard, "/etc/ssl/province/host.key": own}
    assert registered_keys(keys) == {"rach-gia-1": "/etc/wireguard/rach-gia-1.key.pub"}


def test_the_register_reads_what_it_writes(tmp_path: Path) -> None:
    keys = {"b-people": {"two": "B=", "one": "A="}, "a-party": {"one": "C="}}
    (tmp_path / KEYS).write_text(keys_text(keys), encoding="utf-8")
    assert load_enrolled(tmp_path).keys == keys
    assert load_enrolled(tmp_path / "nowhere") == Enrolled()


def test_a_spoiled_register_names_file_and_mend(tmp_path: Path) -> None:
    trust = tmp_path / "inventories" / "lab" / "trust"
    (trust / CERTIFICATES).mkdir(parents=True)
    (trust / CERTIFICATES / "a-party.pem").write_text("<<<<<<<", encoding="utf-8")
    with pytest.raises(BadData) as caught:
        load_enrolled(trust)
    assert "inventories/lab/trust/certificates/a-party.pem" in str(caught.value)
    (trust / CERTIFICATES / "a-party.pem").unlink()
    (trust / KEYS).write_text("a-party: [x]\n", encoding="utf-8")
    with pytest.raises(BadData, match="enrol the host again"):
        load_enrolled(trust)


def test_a_folder_without_an_authority_is_an_error_that_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(ProvinceError) as caught:
        authority.load(tmp_path)
    assert authority.KEY in caught.value.hint
    authority.ensure(tmp_path / "one", "one", NOW)
    other: Authority = authority.make("two", NOW)
    (tmp_path / "one" / authority.CERTIFICATE).write_text(other.pem, encoding="utf-8")
    with pytest.raises(ProvinceError, match="is not the key of"):
        authority.load(tmp_path / "one")


def test_without_a_lab_every_host_is_shown_as_enrolled(fleet: Fleet) -> None:
    assert set(stand_in(fleet).enrolled.certificates) == set(fleet.hosts)
