"""Real servers of the relay on loopback, by the configuration that hosts get: only addresses and folders are others."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.pki.authority import Authority
from province.pki.subject import Subject

from .test_exports import program


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Line:
    """A line to one port that can be cut and mended; what was on its way is gone, as on a real one."""

    def __init__(self, far: int) -> None:
        self.far = far
        self.whole = threading.Event()
        self.whole.set()
        self._open: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the door was closed: the test is over
            while True:
                near, _ = self._door.accept()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        if not self.whole.is_set():
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.far))
        except OSError:  # nobody at the far end, which is what the near one shall see
            near.close()
            return
        self._open += [near, far]
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the line was cut
            while told := one.recv(65536):
                other.sendall(told)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        self.whole.clear()
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.whole.set()

    def end(self) -> None:
        self.cut()
        self._door.close()


@dataclass
class Server:
    """One host's server of one domain, its files in a folder."""

    host: Host
    domain: str
    place: Path
    client_port: int
    hub_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(encoding="utf-8", errors="replace")

    def start(self, *, streams: bool = True) -> None:
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program("nats-server"), "-c", str(self.place / "server.conf")], stdout=log, stderr=log
            )
        if streams:
            done = self.verb("streams")
            assert done.returncode == 0, done.stderr + self.log[-2000:]

    def kill(self) -> None:
        """Without a warning, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def verb(self, name: str) -> subprocess.CompletedProcess[str]:
        """The host's own program, with the host's own plan."""
        return subprocess.run(
            ["python3", "-I", str(self.place / "relay"), name, str(self.place / "plan.json")],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, "CREDENTIALS_DIRECTORY": str(self.place / "credentials")},
        )

    def context(self, shown: Server | None = None) -> ssl.SSLContext:
        """What a program shows that has the certificate of this host, or of another one."""
        own = shown or self
        context = ssl.create_default_context(cafile=str(self.place / "ssl/service-ca.pem"))
        context.load_cert_chain(own.place / "ssl/host.pem", own.place / "credentials/host.key")
        return context


def certify(place: Path, authority: Authority, trusted: Authority, names: tuple[str, ...]) -> None:
    """A key and what an authority says of it, as the enrolment gives them to a host."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    for folder in ("ssl", "credentials"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    (place / "credentials/host.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signed = authority.sign(request.public_bytes(Encoding.PEM).decode(), Subject(names), datetime.now(UTC))
    (place / "ssl/host.pem").write_text(signed, encoding="utf-8")
    (place / "ssl/service-ca.pem").write_text(trusted.pem, encoding="utf-8")


@dataclass
class Relays:
    """Nodes and hubs of a fleet, one process for each."""

    fleet: Fleet
    place: Path
    authority: Authority
    servers: list[Server] = field(default_factory=list)
    lines: dict[str, Line] = field(default_factory=dict)
    """What every node's way to a hub leads through, by the hub's name."""

    def __post_init__(self) -> None:
        self._builder = Builder(self.fleet, stand_in(self.fleet))

    def hub(self, name: str, domain: str) -> Server:
        made = self._server(name, domain, ("localhost",))
        line = self.lines[name] = Line(made.hub_port)
        port = self.fleet.province.relay.domains[RoutingDomain(domain)].hub_port
        _replace(made.place / "server.conf", f'"{made.host.fqdn}:{port}"', f'"localhost:{line.port}"')
        return made

    def node(self, name: str, *hubs: Server, by: Authority | None = None) -> Server:
        """A node whose lines end at the given hubs, in the place of those that it is told."""
        host = self.fleet.hosts[name]
        made = self._server(name, str(host.routing_domain), (), by=by)
        for hub in hubs:
            port = self.fleet.province.relay.domains[host.routing_domain or RoutingDomain(hub.domain)].hub_port
            line = self.lines[hub.host.name]
            _replace(made.place / "server.conf", f"tls://{hub.host.fqdn}:{port}", f"tls://localhost:{line.port}")
        return made

    def _server(self, name: str, domain: str, more: tuple[str, ...], by: Authority | None = None) -> Server:
        host = self.fleet.hosts[name]
        place = self.place / f"{name}-{domain}"
        place.mkdir()
        files = self._builder.build(host).files
        own = self.fleet.province.relay.domains[RoutingDomain(domain)]
        server = Server(host, domain, place, free_port(), free_port())
        elsewhere = {
            f"/run/credentials/relay@{domain}.service": f"{place}/credentials",
            "/etc/ssl/province": f"{place}/ssl",
            f"/var/lib/relay-{domain}": f"{place}/store",
            f"127.0.0.1:{own.client_port}": f"127.0.0.1:{server.client_port}",
            f"0.0.0.0:{own.hub_port}": f"127.0.0.1:{server.hub_port}",
            f'"127.0.0.1",\n    {own.client_port}': f'"127.0.0.1",\n    {server.client_port}',
        }
        for file, path in (
            ("server.conf", f"/etc/relay/{domain}.conf"),
            ("plan.json", f"/etc/relay/{domain}.json"),
            ("relay", "/usr/local/lib/province/relay"),
        ):
            text = files[path].content
            for old, new in elsewhere.items():
                text = text.replace(old, new)
            (place / file).write_text(text, encoding="utf-8")
        certify(place, by or self.authority, self.authority, (host.fqdn, host.name, *more))
        self.servers.append(server)
        return server

    def end(self) -> None:
        for line in self.lines.values():
            line.end()
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.kill()


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} does not say {old} once"
    file.write_text(text.replace(old, new), encoding="utf-8")


@contextlib.contextmanager
def at_work(relays: Relays) -> Iterator[Relays]:
    try:
        yield relays
    finally:
        relays.end()
