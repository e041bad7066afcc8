"""The authority of services is followed by another: real servers with mutual TLS, calling each other all the time."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet
from province.manifest.enrolled import CERTIFICATES
from province.manifest.enrolment import open_points
from province.manifest.rotations import Kind, load_rotations
from province.manifest.trust import COPIES_SEAL, DEVICES_CA, MIRROR_KEY, SERVICE_CA, USER_CA, register_of, trust_folder
from province.ops.actions.action import Scene, look
from province.ops.actions.remote import Done
from province.ops.actions.rotate import Rotate
from province.ops.enrol import signed_request
from province.ops.rotation.service_ca import ACCEPTED, REQUEST, SHOWN
from province.ops.rotation.standing import Standing
from province.pki import authority
from province.pki.anchors import fingerprint, fingerprints
from province.pki.authority import authority_folder
from tests.unit.action_world import Gateway, Hosts
from tests.unit.test_enrol import request

from .relay_servers import free_port
from .test_exports import program
from .test_rotation_ssh import alone

NODES = ("phu-quoc-party", "phu-quoc-people")
EVERY_S = 0.1
SERVER = """
daemon off; pid {place}/pid; error_log {place}/log notice; worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {place}/a; proxy_temp_path {place}/b; fastcgi_temp_path {place}/c;
    uwsgi_temp_path {place}/d; scgi_temp_path {place}/e;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {place}{shown}; ssl_certificate_key {place}/etc/ssl/province/host.key;
        ssl_client_certificate {place}{accepted}; ssl_verify_client on;
        location / {{ return 200 "known"; }}
    }}
}}
"""


@dataclass
class Node:
    """A host's files, and the server that shows and accepts what they say."""

    fleet: Fleet
    name: str
    place: Path
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make its key, have it signed, and serve."""
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        host, now = self.fleet.hosts[self.name], datetime.now(UTC)
        signer = authority.load(authority_folder(self.fleet))
        certificate = signed_request(self.fleet, signer, host, request(self.name, key), now)
        for path, text in (
            (REQUEST, request(self.name, key)),
            (REQUEST.removesuffix(".csr"), secret),
            (SHOWN, certificate),
            (ACCEPTED, signer.pem),
        ):
            self.write(path, text)
        register = trust_folder(self.fleet) / CERTIFICATES
        register.mkdir(exist_ok=True)
        (register / f"{self.name}.pem").write_text(certificate, encoding="utf-8")
        config = self.place / "nginx.conf"
        config.write_text(
            SERVER.format(place=self.place, port=self.port, shown=SHOWN, accepted=ACCEPTED), encoding="utf-8"
        )
        self.server = subprocess.Popen([program("nginx"), "-c", str(config), "-g", "user root;"])
        while not self.answers():
            assert self.server.poll() is None, (self.place / "log").read_text(encoding="utf-8")

    def answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, path: str, text: str) -> None:
        target = self.place / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)

    def read(self, path: str) -> str:
        return (self.place / path[1:]).read_text(encoding="utf-8")

    def reload(self) -> None:
        """As a transaction does it: what was read before is nobody's any more when it ends."""
        assert self.server is not None
        before = self.ended()
        self.server.send_signal(signal.SIGHUP)
        while self.ended() == before:
            time.sleep(0.01)

    def ended(self) -> int:
        """How many workers have ended: each with what it had read at its start."""
        return (self.place / "log").read_text(encoding="utf-8").count(" exited with code ")

    def call(self, other: Node) -> str:
        """What another node's server says to this one; each checks the other."""
        context = ssl.create_default_context(cafile=str(self.place / ACCEPTED[1:]))
        context.load_cert_chain(self.place / SHOWN[1:], self.place / REQUEST.removesuffix(".csr")[1:])
        with (
            socket.create_connection(("127.0.0.1", other.port)) as plain,
            context.wrap_socket(plain, server_hostname=other.name) as line,
        ):
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"".join(iter(lambda: line.recv(4096), b"")).decode()


@dataclass
class Taker(Gateway):
    """A host whose transaction has its own tests: it takes both files, and what reads them is told."""

    node: Node

    def send(self, request: bytes) -> str:
        answer = super().send(request)
        for path in (ACCEPTED, SHOWN):
            if text := self.hosts.files.get((self.host, path)):
                self.node.write(path, text)
        self.node.reload()
        return answer


@dataclass
class World:
    """Nodes that call each other ten times a second, and what went wrong."""

    fleet: Fleet
    folder: Path
    nodes: dict[str, Node]
    wrong: list[str] = field(default_factory=list)
    made: int = 0
    end: threading.Event = field(default_factory=threading.Event)

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        assert (words[0], seconds > 0) == ("cat", True)
        return Done(0, self.nodes[host].read(words[1]), "")

    @property
    def scene(self) -> Scene:
        taken = Hosts()
        return Scene(self.fleet, self, self.folder, lambda _, host: Taker(taken, host, self.nodes[host]))

    def step(self, phase: str, only: Sequence[str] = NODES) -> None:
        action = Rotate({"what": Kind.SERVICE_CA, "phase": phase, "reason": "yearly", "new": ""})
        look(action, self.scene, action.places(self.fleet, tuple(self.fleet.hosts.values())))
        action.prepare(self.scene)
        for host in (self.fleet.hosts[name] for name in only):
            if action.pre(self.scene, host):
                action.act(self.scene, host)
            assert action.unhealthy(self.scene, host) == ""

    def probe(self) -> None:
        first, second = (self.nodes[name] for name in NODES)
        while not self.end.wait(EVERY_S):
            for one, other in ((first, second), (second, first)):
                self.made += 1
                try:
                    if not (told := one.call(other)).endswith("known"):
                        self.wrong.append(told)
                except OSError as error:
                    self.wrong.append(str(error))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    inventories = tmp_path / "inventories"
    shutil.copytree(inventories_root(), inventories)
    fleet = alone(load_fleet("lab", inventories), NODES)
    trust = trust_folder(fleet)
    shutil.rmtree(trust, ignore_errors=True)
    trust.mkdir(parents=True)
    made, _ = authority.ensure(authority_folder(fleet), "services", datetime.now(UTC))
    for name in (SERVICE_CA, DEVICES_CA):
        (trust / name).write_text(made.pem, encoding="utf-8")
    for name in (COPIES_SEAL, MIRROR_KEY, USER_CA):
        (trust / name).write_text(f"stand-in for {name}", encoding="utf-8")
    nodes = {name: Node(fleet, name, tmp_path / name) for name in NODES}
    for node in nodes.values():
        node.start()
    made_world = World(fleet, tmp_path, nodes)
    prober = threading.Thread(target=made_world.probe)
    prober.start()
    yield made_world
    made_world.end.set()
    prober.join()
    for node in nodes.values():
        if node.server is not None:
            node.server.terminate()
            node.server.wait()


def test_the_authority_of_services_is_followed_and_no_call_fails(world: World) -> None:
    first, second = NODES
    world.step("both", only=[first])  # killed before the second node
    with pytest.raises(ProvinceError, match=f"{second}: does not accept the new authority"):
        world.step("new-signs")
    world.step("both")
    (row,) = load_rotations(trust_folder(world.fleet))
    world.step("new-signs", only=[first])  # killed again: one shows the new one, one the old one
    due = open_points(world.fleet, register_of(world.fleet), datetime.now(UTC))
    assert any("is not signed by the authority" in point for point in due[second])
    assert not any("certificate" in point for point in due.get(first, ()))
    with pytest.raises(ProvinceError, match=f"{second}: its certificate is still by the old authority"):
        world.step("new-only")
    world.step("new-signs")
    world.step("new-only", only=[second])
    world.step("new-only")
    assert {fingerprints(node.read(ACCEPTED)) for node in world.nodes.values()} == {frozenset({fingerprint(row.new)})}
    assert Standing.of(world.fleet, Kind.SERVICE_CA).is_over
    world.end.wait(3 * EVERY_S)
    assert (world.made > 20, world.wrong) == (True, [])
    world.nodes[first].write(ACCEPTED, row.old)
    with pytest.raises(ssl.SSLCertVerificationError):
        world.nodes[first].call(world.nodes[second])
    world.end.set()
