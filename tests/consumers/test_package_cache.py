"""The cache of packages with real nginx and apt, by the files that hosts get: once from outside, then from here."""

from __future__ import annotations

import contextlib
import http.client
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in

from .copies_servers import moved, until
from .relay_servers import free_port
from .test_exports import program
from .update_hosts import NOVEMBER, AptHost, Mirror

CACHE, NODE = "rach-gia-services-1", "phu-quoc-party"


@pytest.fixture(autouse=True)
def _hangs_up() -> Iterator[None]:
    """The node's code ignores the signal of a lost connection for ever; here the process is everybody's."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """A mirror with November's release, which holds two packages."""
    made = Mirror(tmp_path_factory.mktemp("mirror"))
    made.deb("tool", "1.0")
    made.publish(NOVEMBER, debs=[made.deb("tool", "2.0", depends=("library",)), made.deb("library", "2.0")])
    with made.open():
        yield made


class Cache:
    """The cache of a site, on loopback."""

    def __init__(self, fleet: Fleet, place: Path, source: Mirror) -> None:
        self.port, self.place = free_port(), place
        rules = fleet.province.updates
        text = Builder(fleet, stand_in(fleet)).build(fleet.hosts[CACHE]).files["/etc/package-cache/cache.conf"].content
        mirror = next(line.split()[1] for line in text.splitlines() if line.strip().startswith("proxy_pass"))
        elsewhere = {
            "/run/package-cache": str(place),
            "/var/cache/package-cache": f"{place}/kept",
            mirror: f"{source.address};",
            f"listen [::]:{rules.cache_port} ipv6only=on;": "",
            f"0.0.0.0:{rules.cache_port}": f"127.0.0.1:{self.port}",
        }
        (place / "cache.conf").write_text(moved(text, elsewhere), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        words = ["-e", "stderr", "-c", str(self.place / "cache.conf"), "-g", f"daemon off; user {user};"]
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen([program("nginx"), *words], stdout=log, stderr=log)
        until((self.place / "cache.pid").exists, f"the cache runs: {(self.place / 'log').read_text()}")

    def stop(self) -> None:
        """End it as a machine that dies does."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def kept(self, name: str) -> Path:
        """The file in which it keeps a package, once it keeps it: it answers first and then moves the file there."""
        until(lambda: bool(self._files(name)), f"the cache keeps {name}")
        (found,) = self._files(name)
        return found

    def _files(self, name: str) -> list[Path]:
        """Its files that say in their line of the key, which follows numbers in binary, that they are of a package."""
        key = re.compile(rb"\nKEY: \S*/" + name.encode() + b"_")
        files = [one for one in (self.place / "kept").rglob("*") if one.is_file()]
        return [one for one in files if key.search(one.read_bytes()[:2000])]


@pytest.fixture
def cache(tmp_path: Path, source: Mirror) -> Iterator[Cache]:
    place = tmp_path / "cache"
    place.mkdir()
    made = Cache(load_fleet("lab"), place, source)
    made.start()
    yield made
    made.stop()


def host(folder: Path, source: Mirror, *ports: int) -> AptHost:
    """A host that looks for caches at these ports, by its own program."""
    fleet = load_fleet("lab")
    made = AptHost(folder, source)
    made.install(source.folder / "tool_1.0_all.deb")
    text = Builder(fleet, stand_in(fleet)).build(fleet.hosts[NODE]).files["/etc/apt/near-packages"].content
    near = next(line for line in text.splitlines() if line.startswith("CACHES = "))
    listed = ", ".join(f'("127.0.0.1", {port})' for port in ports)
    text = moved(
        text,
        {
            near: f"CACHES = ({listed},)",
            "for address in CACHES:": "for address, PORT in CACHES:",
            "def main():\n": "def main():\n    global PORT\n",
            "#!/usr/bin/python3 -I\n": f"#!{shutil.which('python3')} -I\n",
        },
    )
    made.write("/near-packages", text)
    made.path("/near-packages").chmod(0o755)
    settings = made.read("/apt.conf").replace('Acquire::http::Proxy "DIRECT";\n', "")
    assert "Proxy" not in settings
    made.write("/apt.conf", f'{settings}Acquire::http::Proxy-Auto-Detect "{made.path("/near-packages")}";\n')
    return made


def fetched(source: Mirror) -> list[str]:
    """The packages that the mirror was asked for."""
    return sorted(one.rpartition("/")[2] for one in source.asked if one.endswith(".deb"))


def test_what_one_host_fetched_crosses_the_line_to_outside_once(tmp_path: Path, source: Mirror, cache: Cache) -> None:
    del source.asked[:]
    hosts = [host(tmp_path / f"host-{number}", source, cache.port) for number in range(3)]
    for one in hosts:
        assert one.ask("take", NOVEMBER)["has"]["suite"] == NOVEMBER
        assert one.versions == {"tool": "2.0", "library": "2.0"}
    assert fetched(source) == ["library_2.0_all.deb", "tool_2.0_all.deb"]


def test_a_package_that_the_cache_has_spoilt_is_fetched_anew(tmp_path: Path, source: Mirror, cache: Cache) -> None:
    """The host sees it by the checksum, asks past the cache, and the cache keeps the good one."""
    host(tmp_path / "first", source, cache.port).ask("fetch", NOVEMBER)
    file = cache.kept("tool")
    file.write_bytes(file.read_bytes().replace(b"tool 2.0", b"tool 6.6"))
    second = host(tmp_path / "second", source, cache.port)
    del source.asked[:]
    assert second.ask("take", NOVEMBER).get("trouble") is None
    assert second.read("/usr/share/tool/version") == "tool 2.0\n"
    assert fetched(source) == ["tool_2.0_all.deb"]
    assert b"tool 6.6" not in cache.kept("tool").read_bytes()


def test_a_site_without_its_cache_uses_the_other_and_without_both_the_mirror(
    tmp_path: Path, source: Mirror, cache: Cache
) -> None:
    node = host(tmp_path / "host", source, free_port(), cache.port)
    node.ask("look", NOVEMBER)
    assert list((cache.place / "kept").rglob("*")) != []
    cache.stop()
    del source.asked[:]
    assert node.ask("take", NOVEMBER)["has"]["suite"] == NOVEMBER
    assert len(fetched(source)) == 2


def test_nobody_gets_anywhere_else_through_it(cache: Cache, source: Mirror) -> None:
    """Whatever host is named, the mirror is asked, and of it packages and images alone."""
    del source.asked[:]
    for address in ("http://192.0.2.7/secret", f"{source.address}/etc/passwd"):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", cache.port)) as asking:
            asking.request("GET", address)
            assert asking.getresponse().status == 403
    assert source.asked == []
