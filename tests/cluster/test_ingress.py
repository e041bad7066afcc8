"""Users come in by name and TLS alone: requests from outside, through the entrance of a site, to a real pod."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from cryptography import x509

from infra.components.workload import selector
from infra.marks import COMPONENT
from province.fleet.exposed import DOORS, ExposedName, exposed_at
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import ENTRANCE
from province.fleet.site import Provided
from province.fleet.system import Exposure
from province.lab import inside
from province.lab.probe import computer_in
from province.lab.state import Place
from province.manifest.passages import entrances
from province.manifest.trust import register_of
from province.ops.workplace import Workplace

from .conftest import CHECKOUT, ENVIRONMENT, Done, LiveStack, live_stack, wait_until
from .sample_pods import OURS, PORT, pod

pytestmark = pytest.mark.lab

FLEET = load_fleet(ENVIRONMENT)
PLACE = Place(CHECKOUT)
INNER, PUBLIC = DOORS[Exposure.TSLCD], DOORS[Exposure.INTERNET]
ATTACK = "/?id=1%27%20OR%20%271%27%3D%271%27%20UNION%20SELECT%20password%20FROM%20users--"
ORDINARY = "/?name=Nguy%E1%BB%85n+V%C4%83n+An&page=1"
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reply:
    """What came back: the status, the body, the headers, and the certificate that was shown (none without TLS)."""

    status: int
    body: str
    headers: dict[str, str]
    serial: int | None


@dataclass(frozen=True)
class Scene:
    """One site's entrance, the name of a pod that the model puts behind it, and one of a system that is public."""

    stack: LiveStack
    address: str
    proof: ExposedName
    public: ExposedName

    def https(
        self, host: str, port: int = INNER.https, path: str = "/", version: ssl.TLSVersion | None = None
    ) -> Reply:
        """Ask by TLS; the certificate must be of the province's authority and of this name, else ssl.SSLError."""
        context = ssl.create_default_context(cadata=register_of(FLEET).service_ca)
        if version:
            # OpenSSL itself would not offer old versions at its usual level.
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection((self.address, port), PATIENCE_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert(binary_form=True)
            assert shown
            return _ask(secure, host, path, x509.load_der_x509_certificate(shown).serial_number)

    def http(self, host: str, port: int = INNER.http, path: str = "/") -> Reply:
        """Ask without TLS."""
        with socket.create_connection((self.address, port), PATIENCE_S) as plain:
            return _ask(plain, host, path, None)

    def refuses(self, host: str, port: int, **more: Any) -> str:
        """How the handshake for a name ends that must not succeed: the alert that the server sent."""
        with pytest.raises(ssl.SSLError) as refused:
            self.https(host, port, **more)
        return str(refused.value.reason)


def _ask(connection: socket.socket, host: str, path: str, serial: int | None) -> Reply:
    asking = http.client.HTTPConnection(host)
    asking.sock = connection
    asking.request("GET", path, headers={"User-Agent": "Mozilla/5.0", "Accept": "*/*"})
    answer = asking.getresponse()
    body = answer.read().decode()
    return Reply(answer.status, body, {key.lower(): value for key, value in answer.getheaders()}, serial)


WITH_ENTRANCE = [site.id for site in FLEET.data_centres if site.cluster and site.cluster.offers(Provided.INGRESS)]


@pytest.fixture(scope="module", params=WITH_ENTRANCE)
def scene(request: pytest.FixtureRequest, settings: dict[str, str]) -> Iterator[Scene]:
    """The entrance of every site; a pod of ours stands in for the public system, whose software is not delivered."""
    stack = live_stack((request.param, PLATFORM), settings)
    names = list(exposed_at(FLEET, stack.site))
    proof = next(one for one in names if FLEET.systems[one.system].components[one.component].image == "echo")
    public = next(one for one in names if one.exposure is Exposure.INTERNET and one.port == PORT)
    address = entrances(FLEET, stack.site)[0].plain[0]
    found = Scene(stack, str(address), proof, public)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": public.component, "labels": {"proof": "sample"}},
        "spec": {"selector": {"proof": "sample"}, "ports": [{"port": PORT, "targetPort": PORT}]},
    }
    labels = selector(FLEET.systems[public.system], public.component)
    room = ("--namespace", public.system)
    listed = {"apiVersion": "v1", "kind": "List", "items": [service, pod("public", labels)]}
    try:
        stack.kubectl(*room, "apply", "--filename=-", stdin=json.dumps(listed))
        stack.kubectl(*room, "wait", "--for=condition=Ready", "pod/public", "--timeout=120s")
        wait_until(lambda: found.https(public.host).status == http.client.OK, f"{public.host} leads to its pod")
        yield found
    finally:
        stack.kubectl(*room, "delete", "service,pod", "--selector", OURS, "--ignore-not-found", "--wait")


@pytest.mark.proves(74, "platform/ingress", "platform/certificates")
def test_a_pod_answers_by_its_name_with_the_certificate_of_that_name(scene: Scene) -> None:
    """The client checks chain and name; it is told to come by TLS alone from now on."""
    reply = scene.https(scene.proof.host)
    assert reply.status == http.client.OK
    assert json.loads(reply.body)["system"] == scene.proof.system
    assert reply.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.proves(21, 78)
def test_users_of_a_commune_reach_it_from_their_desks(scene: Scene) -> None:
    node = next(host for host in FLEET.hosts.values() if host.host_class == "edge")
    with computer_in(PLACE, node, "users") as desk:
        (reply,) = inside.each(desk, scene.https, [scene.proof.host], workers=1)
    assert json.loads(reply.body)["site"] == scene.stack.site.id


def test_without_tls_users_are_sent_to_it(scene: Scene) -> None:
    for host, doors in ((scene.proof.host, INNER), (scene.public.host, PUBLIC)):
        reply = scene.http(host, doors.http, "/a?b=c")
        assert (reply.status, reply.headers["location"]) == (308, f"https://{host}/a?b=c")


def test_an_unknown_name_is_refused(scene: Scene) -> None:
    stranger = f"stranger.{FLEET.province.domain}"
    for doors in DOORS.values():
        assert "ALERT" in scene.refuses(stranger, doors.https)
        assert scene.http(stranger, doors.http).status == http.client.NOT_FOUND


@pytest.mark.proves(74)
def test_tls_before_1_2_is_refused(scene: Scene) -> None:
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        assert "PROTOCOL_VERSION" in scene.refuses(scene.proof.host, INNER.https, version=version)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert scene.https(scene.proof.host, version=version).status == http.client.OK


@pytest.mark.proves(78)
def test_what_is_not_public_is_not_at_the_public_entrance(scene: Scene) -> None:
    assert scene.https(scene.public.host, PUBLIC.https).status == http.client.OK
    assert "ALERT" in scene.refuses(scene.proof.host, PUBLIC.https)
    assert scene.http(scene.proof.host, PUBLIC.http).status == http.client.NOT_FOUND


@pytest.mark.proves(75)
def test_the_firewall_stops_an_attack_on_what_is_public_and_nothing_else(scene: Scene) -> None:
    """From either network; what is not public has none before it."""
    for port in (PUBLIC.https, INNER.https):
        assert scene.https(scene.public.host, port, ATTACK).status == http.client.FORBIDDEN
        assert scene.https(scene.public.host, port, ORDINARY).status == http.client.OK
    assert scene.https(scene.proof.host, INNER.https, ATTACK).status == http.client.OK


def test_the_public_entrance_may_read_no_key_but_its_own(scene: Scene) -> None:
    def may(account: str, room: str, secret: str) -> bool:
        attributes = {"verb": "list", "resource": "secrets", "namespace": room, "name": secret}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": f"system:serviceaccount:{ENTRANCE}:{account}", "resourceAttributes": attributes},
        }
        found = scene.stack.kubectl("create", "--filename=-", "--output=json", stdin=json.dumps(review))
        return bool(json.loads(found)["status"]["allowed"])

    assert may("internet", scene.public.system, scene.public.secret)
    assert not may("internet", scene.proof.system, scene.proof.secret)
    assert may("tslcd", scene.proof.system, scene.proof.secret)
    assert not may("tslcd", scene.proof.system, "")


@contextmanager
def way_to(scene: Scene, address: str) -> Iterator[None]:
    """This computer sends what is for an address of the cluster to its node, as somebody who goes around would."""
    words = ["ip", "route", "add", f"{address}/32", "via", scene.address]
    subprocess.run(words, check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "route", "del", f"{address}/32"], check=True)


@pytest.mark.proves(78)
def test_the_pod_behind_cannot_be_reached_around_the_entrance(scene: Scene) -> None:
    """Neither at its own address nor at that of its service, although the packets come to its node."""
    room, name = scene.proof.system, scene.proof.component
    service = json.loads(scene.stack.kubectl("-n", room, "get", "service", name, "-o", "json"))
    pods = json.loads(scene.stack.kubectl("-n", room, "get", "pods", "-l", f"{COMPONENT}={name}", "-o", "json"))
    for address in (service["spec"]["clusterIP"], pods["items"][0]["status"]["podIP"]):
        with way_to(scene, address):
            assert not inside.accepts(ip_address(address), scene.proof.port)
    assert scene.https(scene.proof.host).status == http.client.OK


def province(*words: str) -> Done:
    command = [sys.executable, "-m", "province", "certificates", *words, "-e", ENVIRONMENT]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@contextmanager
def asking(ask: Callable[[], Reply]) -> Iterator[list[str]]:
    """Ask again and again, each time by a new connection; what goes wrong is in the list."""
    wrong: list[str] = []
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            try:
                if (reply := ask()).status != http.client.OK:
                    wrong.append(str(reply))
            except OSError as error:
                wrong.append(repr(error))

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield wrong
    finally:
        over.set()
        thread.join()


@pytest.mark.proves(74, "platform/certificates")
def test_a_renewed_certificate_comes_into_use_without_a_lost_request(scene: Scene) -> None:
    host, site = scene.proof.host, scene.stack.site.id
    before = scene.https(host).serial
    with asking(lambda: scene.https(host)) as wrong:
        done = province(site, "--renew", host)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: scene.https(host).serial != before, "the new certificate is shown", within_s=20)
    assert wrong == []


@pytest.mark.proves("platform/certificates")
def test_nothing_is_due_and_no_key_is_in_a_state_or_log(scene: Scene) -> None:
    site = scene.stack.site.id
    done = province(site, "--check")
    assert done.returncode == 0, done.stdout
    state = Path(unquote(urlsplit(scene.stack.settings["PULUMI_BACKEND_URL"]).path))
    private = Workplace.of(FLEET).private
    # The guests' own files change while they are walked through, and belong to their hosts.
    folders = [state, *(one for one in private.iterdir() if one.is_dir() and one != PLACE.guests)]
    files = [one for folder in folders for one in folder.rglob("*") if one.suffix in {".json", ".log"}]
    kept = [one for one in files if one.is_file()]
    assert {state, private / "logs"} <= {folder for one in kept for folder in one.parents}
    marks = (b"PRIVATE KEY", b"LS0tLS1CRUdJTiBQUklWQVRF")
    assert not [one for one in kept if any(mark in one.read_bytes() for mark in marks)]
