"""Real object gateways for tests: Debian's Ceph with one monitor, one disk in memory, and a gateway for each side.

Both gateways stand before one cluster, each side's accounts in a tenant of its own: neither sees a bucket of the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from province.toolchain import cache
from tests.consumers.relay_servers import free_port

TENANTS = ("old", "new")
PEOPLE = ("mover", "office")
READY_S = 60
CONFIG = """[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{port}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
# A gateway would ask for encryption, which nobody gives without keys.
ms mon client mode = crc
run dir = {place}
log file = {place}/$name.log
mon cluster log file = {place}/cluster.log
admin socket =
mon data = {place}/mon
osd data = {place}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
osd class dir = {libraries}/rados-classes
erasure code dir = {libraries}/ceph/erasure-code
plugin dir = {libraries}/ceph
keyring = /dev/null
[client]
rgw enable apis = s3
rgw run sync thread = false
rgw thread pool size = 32
rgw override bucket index max shards = 1
[client.old]
rgw frontends = beast endpoint=127.0.0.1:{old}
[client.new]
rgw frontends = beast endpoint=127.0.0.1:{new}
"""

ORDERS = """
import ctypes, sys
rados, handle = ctypes.CDLL("librados.so.2"), ctypes.c_void_p()
assert rados.rados_create2(ctypes.byref(handle), b"ceph", b"client.admin", ctypes.c_uint64(0)) == 0
assert rados.rados_conf_read_file(handle, sys.argv[1].encode()) == 0
assert rados.rados_connect(handle) == 0
for order in sys.argv[2:]:
    text = (ctypes.c_char_p * 1)(order.encode())
    out, said, much, words = ctypes.c_char_p(), ctypes.c_char_p(), ctypes.c_size_t(), ctypes.c_size_t()
    answers = map(ctypes.byref, (out, much, said, words))
    result = rados.rados_mon_command(handle, text, ctypes.c_size_t(1), None, ctypes.c_size_t(0), *answers)
    assert result == 0, (order, ctypes.string_at(said, words.value))
"""


class Ceph:
    """A cluster with two gateways; `profiles` is a file of everybody's keys."""

    def __init__(self, place: Path) -> None:
        self.place, self.root = place, cache.directory() / "consumers" / "ceph"
        if not (self.root / "usr/bin/radosgw").exists():
            pytest.fail("radosgw is not installed; as root: tools/consumers")
        (libraries,) = (self.root / "usr/lib").glob("*-linux-gnu")
        beside = (libraries, libraries / "ceph", self.root / "lib" / libraries.name)
        self.environment = os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, beside))}
        self.config, self.profiles = place / "ceph.conf", place / "profiles"
        self.ports = {tenant: free_port() for tenant in TENANTS}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        fsid, port = str(uuid.uuid4()), free_port()
        words = {"fsid": fsid, "port": port, "place": place, "libraries": libraries}
        self.config.write_text(CONFIG.format(**words, **self.ports))
        address = f"[v2:127.0.0.1:{port}]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, place / "map")
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", place / "map")
        self._start("ceph-mon", "-i", "a", "--public-addr", address[1:-1])
        disk = str(uuid.uuid4())
        place_of_it = {"id": 0, "weight": 1.0, "args": ["root=default", "host=here"]}
        self._order({"prefix": "osd new", "uuid": disk}, {"prefix": "osd crush add", **place_of_it})
        (place / "osd").mkdir()
        self._run("ceph-osd", "--mkfs", "-i", 0, "--osd-uuid", disk)
        self._start("ceph-osd", "-i", 0)
        for tenant in TENANTS:
            self.start(tenant)
        everybody = [(tenant, who) for tenant in TENANTS for who in PEOPLE]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: self._account(*one), everybody))
        lines = (f"[{a}-{b}]\naws_access_key_id = {a}{b}\naws_secret_access_key = secret\n" for a, b in everybody)
        self.profiles.write_text("".join(lines))

    def url(self, tenant: str) -> str:
        return f"http://127.0.0.1:{self.ports[tenant]}"

    def start(self, tenant: str) -> None:
        """A side's gateway; back when it answers."""
        self._start("radosgw", "-n", f"client.{tenant}", name=tenant)
        self._until(f"gateway {tenant} answers", lambda: self._answers(tenant))

    def kill(self, name: str) -> None:
        """Without a warning, as a power cut would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def end(self) -> None:
        for name in list(self.running):
            self.kill(name)
        shutil.rmtree(self.place)

    def _answers(self, tenant: str) -> bool:
        with contextlib.suppress(URLError, ConnectionError):
            urlopen(f"http://127.0.0.1:{self.ports[tenant]}", timeout=10).close()
            return True
        return False

    def _account(self, tenant: str, who: str) -> None:
        words = ["--tenant", tenant, "--uid", who, "--display-name", who]
        self._run("radosgw-admin", "user", "create", *words, "--access-key", f"{tenant}{who}", "--secret", "secret")

    def _command(self, name: str, words: tuple[object, ...]) -> list[str]:
        return [str(self.root / "usr/bin" / name), "-c", str(self.config), *map(str, words)]

    def _run(self, name: str, *words: object) -> None:
        done = subprocess.run(
            self._command(name, words), env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def _start(self, program: str, *words: object, name: str = "") -> None:
        with (self.place / f"{program}.out").open("ab") as out:
            command = self._command(program, ("-f", *words))
            self.running[name or program] = subprocess.Popen(command, env=self.environment, stdout=out, stderr=out)

    def _until(self, what: str, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + READY_S
        while not holds():
            ended = [name for name, one in self.running.items() if one.poll() is not None]
            if ended or time.monotonic() > end:
                logs = {one.name: one.read_text(errors="replace")[-1500:] for one in self.place.glob("*.out")}
                pytest.fail(f"{what}: never; ended: {ended}; {logs}")
            time.sleep(0.05)

    def _order(self, *commands: dict[str, object]) -> None:
        """What a monitor is told: Debian's `ceph` would need Debian's own Python."""
        words = [sys.executable, "-c", ORDERS, str(self.config), *map(json.dumps, commands)]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
