"""Nodes that copy and the stores of sites on loopback, by what hosts get: only addresses and folders are others."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.copies import stores
from province.manifest.enrolled import KEYS, keys_text
from province.manifest.trust import stand_in, trust_folder
from province.ops.copies import ALONE, KEY, LOOK, STORE
from province.pki import authority as authorities
from province.pki import seal
from province.pki.authority import Authority, authority_folder
from tests.unit.node_in_folder import HostInFolder, a_key, a_part, run

from .relay_servers import certify, free_port
from .test_exports import program

PLAN = "/etc/copies/plan.json"
SEALED = "/etc/copies/repository.key"
WAIT_S = 10.0


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end, f"not within {WAIT_S} s: {what}"
        time.sleep(0.005)


def moved(text: str, elsewhere: dict[str, str]) -> str:
    """A file of a host with other places in it, each of which it names."""
    for old, new in elsewhere.items():
        assert old in text, f"nothing says {old}"
        text = text.replace(old, new)
    return text


@dataclass
class Site:
    """The store of one site and its door."""

    name: str
    place: Path
    port: int
    arguments: list[str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *, most_bytes: int | None = None) -> None:
        """Start both as systemd does: the store is handed its socket, the door connects to it."""
        way = self.place / "store.sock"
        way.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(way))
        listening.listen()
        words = list(self.arguments)
        if most_bytes is not None:
            words[words.index("--max-size") + 1] = str(most_bytes)
        descriptor = listening.fileno()
        # sd_listen_fds(3): the first socket is descriptor 3, and the variables name the process that it is for.
        hand_over = f'exec 3<&{descriptor}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        with (self.place / "log").open("ab") as log:
            store = subprocess.Popen(
                ["bash", "-c", hand_over, "store", *words], pass_fds=[descriptor], stdout=log, stderr=log
            )
            door = subprocess.Popen(
                [program("nginx"), "-c", str(self.place / "door.conf"), "-g", "daemon off; user root;"],
                stdout=log,
                stderr=log,
            )
        listening.close()
        self.processes = [store, door]
        until(self._answers, f"the door of {self.name} listens: {(self.place / 'log').read_text()}")

    def _answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
        self.processes = []

    def copies(self, node: str) -> Path:
        """Where the copies of a node's only box lie."""
        (place,) = (self.place / "store" / node).iterdir()
        return place

    def verb(self, *words: str, password: str = "") -> subprocess.CompletedProcess[str]:
        """The site's own program, as the controller asks it."""
        command = ["python3", "-I", str(self.place / "copies-store"), *words]
        return subprocess.run(command, input=password, capture_output=True, text=True, check=False, timeout=60)


@dataclass
class Node:
    """A node with its files below a folder."""

    name: str
    root: Path

    @property
    def password(self) -> str:
        return (self.root / SEALED[1:]).read_text(encoding="utf-8").strip()

    @property
    def sealed(self) -> str:
        return (self.root / f"{SEALED[1:]}.pub").read_text(encoding="utf-8").strip()

    def begin(self, verb: str, *words: str) -> subprocess.Popen[str]:
        """The node's own program; what systemd gives it comes by variables."""
        folder = self.root / "run"
        folder.mkdir(exist_ok=True)
        given = {"CREDENTIALS_DIRECTORY": str(self.root / "credentials"), "RUNTIME_DIRECTORY": str(folder)}
        return subprocess.Popen(
            ["python3", "-I", str(self.root / "copies"), verb, str(self.root / PLAN[1:]), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, **given},
        )

    def verb(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        with self.begin(verb, *words) as running:
            out, err = running.communicate(timeout=60)
        return subprocess.CompletedProcess([verb, *words], running.returncode, out, err)

    def present(self) -> Path:
        """What a program shows that has the certificate of this node."""
        both = self.root / "run/client.pem"
        both.parent.mkdir(exist_ok=True)
        host = (self.root / "etc/ssl/province/host.pem").read_bytes()
        both.write_bytes(host + (self.root / "credentials/host.key").read_bytes())
        return both

    def write(self, path: str, content: bytes) -> None:
        file = self.root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def tree(self, folder: str) -> dict[str, bytes]:
        top = self.root / folder[1:]
        return {str(one.relative_to(self.root)): one.read_bytes() for one in top.rglob("*") if one.is_file()}


class Copies:
    """Nodes and the stores of both sites."""

    def __init__(self, fleet: Fleet, place: Path) -> None:
        # Registers and the seal of a checkout of its own; facts and templates are those of this one.
        self.fleet = fleet = dataclasses.replace(fleet, root=place / "inventories")
        self.place = place
        self.authority = authorities.make("made by a test", datetime.now(UTC))
        self.seal = seal.ensure(authority_folder(fleet))
        self.nodes: dict[str, Node] = {}
        self._builder = Builder(fleet, stand_in(fleet))
        self.sites = {name: self._site(name, host.name) for name, host in self._stores.items()}

    def _site(self, name: str, host: str) -> Site:
        # Short: the path of a socket has 107 bytes at most (unix(7)).
        place = Path(tempfile.mkdtemp(prefix="copies-"))
        (place / "store").mkdir()
        (place / "weighed").mkdir()
        files = self._builder.build(self.fleet.hosts[host]).files
        port = free_port()
        ours = self.fleet.province.copies.port
        config = moved(
            files["/etc/copies/door.conf"].content,
            {
                "/run/copies-door": str(place),
                "/run/copies-weighed": f"{place}/weighed",
                "/run/copies/store.sock": f"{place}/store.sock",
                "/var/lib/province-bundles": f"{place}/bundles",
                "/run/credentials/copies-door.service": f"{place}/credentials",
                "/etc/ssl/province": f"{place}/ssl",
                f"listen [::]:{ours} ssl ipv6only=on;": "",
                f"0.0.0.0:{ours}": f"127.0.0.1:{port}",
            },
        )
        (place / "door.conf").write_text(config, encoding="utf-8")
        done = moved(
            files["/usr/local/lib/province/copies-store"].content,
            {
                '"/var/lib/copies"': f'"{place}/store"',
                "/var/lib/copies-drill": f"{place}/drill",
                "/usr/bin:/bin": f"{Path(program('restic')).parent}:/usr/bin:/bin",
            },
        )
        (place / "copies-store").write_text(done, encoding="utf-8")
        unit = files["/etc/systemd/system/copies-store.service"].content
        words = next(line for line in unit.splitlines() if line.startswith("ExecStart=")).partition("=")[2].split()
        arguments = [program("restic-rest-server"), *words[1:]]
        arguments[arguments.index("--path") + 1] = f"{place}/store"
        certify(place, self.authority, self.authority, (self.fleet.hosts[host].fqdn, "localhost"))
        return Site(name, place, port, arguments)

    def node(self, name: str, by: Authority | None = None) -> Node:
        """A node with keys that it made as hosts make theirs; `by` signs its certificate instead of the right one."""
        root = self.place / name
        node = Node(name, root)
        key = a_key(SEALED, "sealed", recipient=self.seal)
        run(HostInFolder(root), a_part(keys={SEALED: key}))
        host = self.fleet.hosts[name]
        files = self._builder.build(host).files
        certify(root / "etc", by or self.authority, self.authority, (host.fqdn, name))
        (root / "etc/ssl").rename(root / "etc/pem")
        (root / "etc/ssl").mkdir()
        (root / "etc/pem").rename(root / "etc/ssl/province")
        (root / "etc/credentials").rename(root / "credentials")
        shutil.copy(root / SEALED[1:], root / "credentials/repository.key")
        shutil.copy(root / "credentials/host.key", root / "etc/ssl/province/host.key")
        doors = {
            f"https://{store.fqdn}:{self.fleet.province.copies.port}": site for site, store in self._stores.items()
        }
        plan = moved(
            files[PLAN].content,
            {
                '"/': f'"{root}/',
                **{door: f"https://localhost:{self.sites[site].port}" for door, site in doors.items()},
            },
        )
        (root / PLAN[1:]).write_text(plan, encoding="utf-8")
        made = moved(
            files["/usr/local/lib/province/copies"].content,
            {
                **{f'"{one}/': f'"{root}{one}/' for one in ("/etc/ssl", "/etc/copies", "/etc/systemd")},
                **{f'"{one}"': f'"{root}{one}"' for one in ("/var/lib/copies", "/var/cache/copies")},
                "/usr/bin:/bin": f"{Path(program('restic')).parent}:/usr/bin:/bin",
            },
        )
        (root / "copies").write_text(made, encoding="utf-8")
        (root / "var/lib/copies").mkdir(parents=True)
        for path in files:
            if path.endswith(".timer") and "/copies-" in path:
                node.write(path, files[path].content.encode())
        self.nodes[name] = node
        return node

    def enrol(self, **sealed: str) -> None:
        """Bring what nodes sealed into the register, as the playbook `enrol` does."""
        folder = trust_folder(self.fleet)
        folder.mkdir(parents=True, exist_ok=True)
        keys = {name: {KEY: text} for name, text in sealed.items()}
        (folder / KEYS).write_text(keys_text(keys), encoding="utf-8")

    def ask(self, host: str, words: Sequence[str], given: str) -> str:
        """The controller's way to hosts, without ssh and accounts: the same programs, given the same."""
        words = words[len(ALONE) :] if tuple(words[: len(ALONE)]) == ALONE else words
        site = next((self.sites[site] for site, store in self._stores.items() if store.name == host), None)
        if tuple(words) == LOOK:
            done = self.nodes[host].verb("status")
        elif site and tuple(words[: len(STORE)]) == STORE:
            done = site.verb(*words[len(STORE) :], password=given)
        else:
            assert site
            assert words[0] == "systemctl"
            site.stop()
            site.start()
            return ""
        if done.returncode:
            raise ProvinceError(f"{host}: {done.stderr.strip()}")
        return done.stdout

    @property
    def _stores(self) -> dict[str, Host]:
        return stores(tuple(self.fleet.hosts.values()))

    def end(self) -> None:
        for site in self.sites.values():
            site.stop()
            shutil.rmtree(site.place)


@contextlib.contextmanager
def at_work(copies: Copies) -> Iterator[Copies]:
    try:
        for site in copies.sites.values():
            site.start()
        yield copies
    finally:
        copies.end()
