"""One Kubernetes cluster without hosts: its real programs as processes, its nodes and pods simulated."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from province.errors import ProvinceError
from province.lab.commands import enter, run
from province.pki import authority
from province.pki.subject import Subject
from province.toolchain import build

NETNS = "bench-pulumi"
STAGES = Path(__file__).parent / "stages.yml"
TOKEN = "bench"  # noqa: S105 - of a cluster that lives for minutes in a namespace without a way out
READY_WITHIN_S = 180.0
PAUSE_S = 0.2


@dataclass(frozen=True)
class ControlPlane:
    """A cluster that runs: where its files lie and at which address it answers."""

    folder: Path
    address: IPv4Address
    port: int
    netns: str | None = NETNS
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, compare=False)
    """Its processes by name."""

    @property
    def endpoint(self) -> str:
        """Where its API server answers."""
        return f"https://{self.address}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's access."""
        return self.folder / "kubeconfig.yml"

    def log(self, name: str) -> Path:
        """What a process printed."""
        return self.folder / f"{name}.log"

    def start(self, name: str, *flags: str) -> None:
        """Start one of its processes, with flags beside the usual ones."""
        words = [*(enter(self.netns) if self.netns else ()), str(build.binary(name)), *_programs(self)[name], *flags]
        with self.log(name).open("a", encoding="utf-8") as sink:
            self.running[name] = subprocess.Popen(
                words, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    def kill(self, name: str) -> None:
        """End a process from one moment to the next; `start` brings it back."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run a verb of kubectl and return what it printed."""
        return run([build.binary("kubectl"), "--kubeconfig", self.kubeconfig, *words], stdin=stdin, netns=self.netns)

    def add_nodes(self, names: Iterable[str]) -> None:
        """Add simulated nodes, large enough for whatever the catalogue asks."""
        nodes = {"apiVersion": "v1", "kind": "List", "items": [_node(name) for name in names]}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(nodes))
        self.kubectl("wait", "node", "--all", "--for=condition=Ready", f"--timeout={READY_WITHIN_S:.0f}s")


@contextmanager
def namespace(addresses: Iterable[IPv4Address]) -> Iterator[None]:
    """A network namespace that has these addresses and leads nowhere."""
    run(["ip", "netns", "add", NETNS])
    try:
        run(["ip", "-n", NETNS, "link", "set", "lo", "up"])
        for address in addresses:
            run(["ip", "-n", NETNS, "address", "add", f"{address}/32", "dev", "lo"])
        yield
    finally:
        run(["ip", "netns", "delete", NETNS])


@contextmanager
def control_plane(folder: Path, address: IPv4Address, port: int, *, nodes: Iterable[str]) -> Iterator[ControlPlane]:
    """A new, empty cluster with simulated nodes; its processes are ended afterwards."""
    folder.mkdir(parents=True)
    plane = ControlPlane(folder, address, port)
    _write_keys(plane)
    with ExitStack() as processes:
        for name in _programs(plane):
            processes.enter_context(_process(plane, name))
            if name == "kube-apiserver":
                wait_until_ready(plane)
        plane.add_nodes(nodes)
        yield plane


@contextmanager
def api_server(folder: Path, address: IPv4Address, port: int, *, flags: Sequence[str]) -> Iterator[ControlPlane]:
    """An API server, with flags of the caller's own beside the usual ones, and etcd; nobody else is at work there.

    In the caller's network: `address` is one that only this machine reaches. Needs no root.
    """
    folder.mkdir(parents=True)
    plane = ControlPlane(folder, address, port, netns=None)
    _write_keys(plane)
    with _process(plane, "etcd"), _process(plane, "kube-apiserver", *flags):
        wait_until_ready(plane)
        yield plane


def _programs(plane: ControlPlane) -> dict[str, list[str]]:
    """Every process by name, in the order in which they start, with its options."""
    folder, etcd = plane.folder, f"http://{plane.address}:2379"
    access = [f"--kubeconfig={plane.kubeconfig}"]
    alone = [*access, "--leader-elect=false", f"--bind-address={plane.address}"]
    return {
        "etcd": [
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://{plane.address}:2380",
            f"--initial-advertise-peer-urls=http://{plane.address}:2380",
            f"--initial-cluster=default=http://{plane.address}:2380",
        ],
        "kube-apiserver": [
            f"--etcd-servers={etcd}",
            f"--bind-address={plane.address}",
            f"--advertise-address={plane.address}",
            f"--secure-port={plane.port}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            # An operator whose pods are simulated answers nobody, and what it should judge would never be created.
            "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
            f"--token-auth-file={folder / 'tokens.csv'}",
            f"--tls-cert-file={folder / 'server.pem'}",
            f"--tls-private-key-file={folder / 'server.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'accounts.pub'}",
            f"--service-account-signing-key-file={folder / 'accounts.key'}",
        ],
        "kube-controller-manager": [
            *alone,
            f"--service-account-private-key-file={folder / 'accounts.key'}",
            f"--root-ca-file={folder / 'ca.pem'}",
            "--use-service-account-credentials=false",
            # Its own limit makes 20 pods in a second: thousands of them would be a benchmark of that limit.
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ],
        "kube-scheduler": alone,
        "kwok": [*access, "--manage-all-nodes=true", f"--config={STAGES}"],
    }


@contextmanager
def _process(plane: ControlPlane, name: str, *flags: str) -> Iterator[None]:
    """A process that must be there at the end, unless somebody killed it; then it is ended."""
    plane.start(name, *flags)
    try:
        yield
        if name in plane.running and plane.running[name].poll() is not None:
            raise ProvinceError(f"{name} ended by itself", hint=f"everything it printed: {plane.log(name)}")
    finally:
        if process := plane.running.pop(name, None):
            process.terminate()
            process.wait()


def wait_until_ready(plane: ControlPlane) -> None:
    """Wait for the API server; raises ProvinceError with what it says when it takes too long."""
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            plane.kubectl("get", "--raw", "/readyz")
        except ProvinceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _write_keys(plane: ControlPlane) -> None:
    """The cluster's authority, its server's certificate, the key of its service accounts, and the access file."""
    now = datetime.now(UTC)
    root = authority.make("bench", now)
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    subject = Subject(names=("kubernetes",), addresses=(plane.address,))
    certificate = root.sign(request.public_bytes(Encoding.PEM).decode(), subject, now)
    accounts = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = accounts.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    files = {
        "ca.pem": root.pem,
        "server.pem": certificate,
        "server.key": _pem(key),
        "accounts.key": _pem(accounts),
        "accounts.pub": public.decode(),
        "tokens.csv": f"{TOKEN},bench,bench,system:masters\n",
        "kubeconfig.yml": yaml.safe_dump(_access(plane)),
    }
    for name, text in files.items():
        (plane.folder / name).write_text(text, encoding="utf-8")


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _access(plane: ControlPlane) -> dict[str, object]:
    server = {"server": plane.endpoint, "certificate-authority": str(plane.folder / "ca.pem")}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": server}],
        "users": [{"name": "bench", "user": {"token": TOKEN}}],
    }


def _node(name: str) -> dict[str, object]:
    """A node that kwok keeps alive, as large as a real worker."""
    room = {"cpu": "32", "memory": "256Gi", "pods": "250"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "type": "kwok"}},
        "status": {"capacity": room, "allocatable": room},
    }
