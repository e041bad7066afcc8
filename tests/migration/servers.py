"""Real PostgreSQL servers for tests: the one that old rooms have, where this machine has it, and the new platform's.

The new one is the release that goes into the image of databases, unpacked by the toolchain and run in its own tree, as
Debian 13 would run it. Both listen on a free port of 127.0.0.1 and run as nobody.
"""

from __future__ import annotations

import socket
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

from province.migration.postgresql.server import Server
from province.toolchain import debian

CHECKOUT = Path(__file__).resolve().parents[2]
OLD_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
NEW_PROGRAMS = "/usr/lib/postgresql/17/bin"
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def has_old() -> bool:
    """Whether this machine has the old release; else both sides are the new one."""
    return (OLD_PROGRAMS / "postgres").is_file()


def new_tree() -> Path:
    recipe = tomllib.loads((CHECKOUT / "k8s/images/postgresql.toml").read_text(encoding="utf-8"))
    return debian.tree(recipe["packages"])


@dataclass
class Cluster:
    """One server in a folder of its own."""

    place: Path
    old: bool

    def __post_init__(self) -> None:
        self.place.mkdir(mode=0o777)
        self.place.chmod(0o777)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.data = f"{self.place}/data"
        self.tool = self.place / "run"
        if self.old:
            self.tool.write_text(f'#!/bin/sh\nexec {" ".join(AS_NOBODY)} {OLD_PROGRAMS}/"$@"\n', encoding="utf-8")
        else:
            tree = new_tree()
            # Mounts are seen by this program alone, and the tree itself stays as it was unpacked.
            binds = "".join(f"mount --rbind {one} {tree}{one}; " for one in ("/dev", "/etc", "/tmp"))  # noqa: S108 - pytest's files lie there
            inner = f'{binds}exec chroot --userspec=65534:65534 {tree} {NEW_PROGRAMS}/"$@"'
            # psql is asked hundreds of times, and needs nothing of the tree but its libraries.
            loader, libraries = next(tree.glob("usr/lib/*/ld-linux-*.so.*")), tree / "usr/lib/*-linux-gnu"
            psql = f"{loader} --library-path $(echo {libraries}) {tree}{NEW_PROGRAMS}/psql"
            self.tool.write_text(
                f'#!/bin/sh\nif [ "$1" = psql ]; then shift; exec {psql} "$@"; fi\n'
                f"exec unshare -m sh -ec '{inner}' sh \"$@\"\n",
                encoding="utf-8",
            )
        self.tool.chmod(0o755)

    def start(self) -> None:
        settings = (
            "wal_level = logical\nfsync = off\nshared_buffers = 32MB\nmax_connections = 40\n"
            "max_worker_processes = 24\nmax_logical_replication_workers = 16\n"
            f"unix_socket_directories = '{self.place}'\nlisten_addresses = '127.0.0.1'\nport = {self.port}\n"
            "dynamic_shared_memory_type = mmap\nwal_receiver_status_interval = 1\nlog_min_messages = warning\n"
        )
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8")
        with Path(self.data, "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(settings)
        self.again()

    def again(self) -> None:
        self.run("pg_ctl", "start", "-w", "-D", self.data, "-l", f"{self.place}/log")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "stop", "-D", self.data, "-m", mode)

    def database(self, name: str) -> Server:
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", name)
        reach = f"host=127.0.0.1 port={self.port} user=postgres dbname={name}"
        return Server(reach, reach, (str(self.tool),))

    def run(self, *words: str) -> None:
        """Run a program; its output goes to a file, because a server that it starts keeps what it is given open."""
        with (self.place / "said").open("w+", encoding="utf-8") as said:
            done = subprocess.run([self.tool, *words], stdout=said, stderr=said, check=False, timeout=60)
            said.seek(0)
            assert done.returncode == 0, f"{words[0]}: {said.read()}"
