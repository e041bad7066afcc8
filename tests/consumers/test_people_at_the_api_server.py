"""People at a real API server: it believes what the province's identity provider signed, as production configures it.

The provider is a stand-in that serves keys and nothing else; the settings are those that a control plane of production
gets, with its address for the provider's.
"""

from __future__ import annotations

import base64
import functools
import json
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.pulumi.control_plane import ControlPlane, api_server
from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, SYSTEMS
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.pki import authority
from province.pki.subject import Subject
from tests.synth.conftest import stack_of

ADDRESS = IPv4Address("127.0.53.1")
"""Only this machine reaches it, and nothing else listens there."""
PORTS = {"issuer": 9443, "api": 6443}
ISSUER = f"https://{ADDRESS}:{PORTS['issuer']}/staff"
SYSTEM = "e-office"
ROOMS = f"/api/v1/namespaces/{SYSTEM}"
OTHERS = "/api/v1/namespaces/kube-system"
KEYS_WITHIN_S = 30.0
"""The API server fetches the provider's keys while it starts, and asks again after ten seconds."""
SETTINGS = "/etc/kubernetes/api-server/authentication.yaml"
ROOM = {"ClusterRole", "Namespace", "RoleBinding"}


@dataclass(frozen=True)
class People:
    """The API server, and the pen of the identity provider."""

    fleet: Fleet
    plane: ControlPlane
    pen: rsa.RSAPrivateKey

    @property
    def owner(self) -> str:
        return self.fleet.systems[SYSTEM].owner

    def token(self, pen: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """What the provider gives somebody of the system's owner who has logged in; `claims` change it."""
        now = int(time.time())
        said = {
            "iss": ISSUER,
            "aud": self.provider.audience,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            self.provider.user: "lan",
            self.provider.groups: [self.owner],
            **claims,
        }
        signed = ".".join(_text(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, said))
        return f"{signed}.{_text((pen or self.pen).sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"

    @property
    def provider(self) -> Any:
        assert self.fleet.environment.identity_provider
        return self.fleet.environment.identity_provider

    def ask(self, path: str, token: str) -> int:
        """The status with which the API server answers somebody who shows a token."""
        try:
            self.plane.kubectl("get", "--raw", path, "--token", token)
        except ProvinceError as error:
            said = str(error)
            for status, word in ((HTTPStatus.UNAUTHORIZED, "Unauthorized"), (HTTPStatus.FORBIDDEN, "forbidden")):
                if word in said:
                    return status
            raise
        return HTTPStatus.OK

    def who(self, token: str) -> dict[str, Any]:
        """Whom the API server takes the holder of a token for."""
        said = json.loads(self.plane.kubectl("auth", "whoami", "--output", "json", "--token", token))
        found: dict[str, Any] = said["status"]["userInfo"]
        return found


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@pytest.fixture(scope="module")
def signer() -> authority.Authority:
    """The authority of services."""
    return authority.make("of services", datetime.now(UTC))


@pytest.fixture(scope="module")
def pen() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def issuer(
    signer: authority.Authority, pen: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """An identity provider's public face (OpenID Connect Discovery 1.0, section 4), by TLS."""
    place = tmp_path_factory.mktemp("issuer")
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    certificate = signer.sign(
        request.public_bytes(Encoding.PEM).decode(), Subject(("identity",), (ADDRESS,)), datetime.now(UTC)
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (place / "pair.pem").write_text(secret + certificate, encoding="ascii")
    web = place / "web"
    known = web / "staff" / ".well-known" / "openid-configuration"
    known.parent.mkdir(parents=True)
    known.write_text(
        json.dumps(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{ISSUER}/keys",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )
    )
    numbers = pen.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": _number(numbers.n), "e": _number(numbers.e)}
    (web / "staff" / "keys").write_text(json.dumps({"keys": [jwk]}))
    server = ThreadingHTTPServer(
        (str(ADDRESS), PORTS["issuer"]), functools.partial(SimpleHTTPRequestHandler, directory=str(web))
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "pair.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def people(
    issuer: None, signer: authority.Authority, pen: rsa.RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[People]:
    """An API server with the settings of production, and in it what production gives the owner of a system."""
    fleet = load_fleet("production")
    assert fleet.environment.identity_provider
    provider = fleet.environment.identity_provider.model_copy(update={"issuer": ISSUER})
    fleet = replace(fleet, environment=fleet.environment.model_copy(update={"identity_provider": provider}))
    host = next(one for one in fleet.hosts_of(fleet.primary_site.id) if one.host_class == "control-plane")
    builder = Builder(fleet, replace(stand_in(fleet), service_ca=signer.pem.strip()))
    place = tmp_path_factory.mktemp("plane")
    settings = place / "authentication.yaml"
    settings.write_text(builder.build(host, ("control_plane",)).files[SETTINGS].content, encoding="utf-8")
    site, layer = fleet.primary_site.id, f"systems-{fleet.systems[SYSTEM].pillar}"
    assert layer in SYSTEMS
    stacks = [stack_of("production", site, one) for one in (CLUSTER, layer)]
    objects = [
        one.body
        for stack in stacks
        for one in stack.objects
        if one.kind in ROOM and (SYSTEM in {one.namespace, one.name} or one.name == "system-owner")
    ]
    flags = [f"--authentication-config={settings}"]
    with api_server(place / "server", ADDRESS, PORTS["api"], flags=flags) as plane:
        plane.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        found = People(fleet, plane, pen)
        end = time.monotonic() + KEYS_WITHIN_S
        while found.ask(f"{ROOMS}/pods", found.token()) != HTTPStatus.OK:
            assert time.monotonic() < end, (plane.folder / "kube-apiserver.log").read_text(encoding="utf-8")[-4000:]
            time.sleep(0.2)
        yield found


@pytest.mark.proves(31, 78)
def test_who_logged_in_sees_the_rooms_of_the_own_systems_and_no_secret(people: People) -> None:
    token = people.token()
    who = people.who(token)
    prefix = people.provider.prefix
    assert who["username"] == f"{prefix}lan"
    assert set(who["groups"]) == {f"{prefix}{people.owner}", "system:authenticated"}
    assert people.ask(f"{ROOMS}/pods", token) == HTTPStatus.OK
    assert people.ask(f"{ROOMS}/secrets", token) == HTTPStatus.FORBIDDEN
    assert people.ask(f"{OTHERS}/pods", token) == HTTPStatus.FORBIDDEN


def test_another_owner_sees_nothing_there(people: People) -> None:
    assert people.ask(f"{ROOMS}/pods", people.token(groups=["somebody-else"])) == HTTPStatus.FORBIDDEN


def test_nobody_becomes_an_account_of_the_cluster_by_a_claim(people: People) -> None:
    """Whatever the provider says, the prefix stands before it."""
    for claims in ({"groups": ["system:masters"]}, {"preferred_username": "system:admin", "groups": []}):
        assert people.ask(f"{OTHERS}/secrets", people.token(**claims)) == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "claims",
    [{"aud": "another-service"}, {"iss": "https://elsewhere.example"}, {"exp": 1_000_000_000}],
    ids=["for another service", "of another provider", "run out"],
)
def test_a_token_that_is_not_for_here_opens_nothing(people: People, claims: dict[str, Any]) -> None:
    assert people.ask(f"{ROOMS}/pods", people.token(**claims)) == HTTPStatus.UNAUTHORIZED


def test_a_token_that_somebody_else_signed_opens_nothing(people: People) -> None:
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert people.ask(f"{ROOMS}/pods", people.token(forger)) == HTTPStatus.UNAUTHORIZED
