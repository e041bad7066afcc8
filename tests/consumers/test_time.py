"""Clocks by the real chronyd: a server that lies is outvoted, and the clock of a machine is handed on as it is.

`tools/consumers` installs Debian's. Configurations are those that hosts get but for addresses, ports and folders.
"""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.build import Builder
from province.manifest.trust import stand_in

from .claimed import first_clock
from .relay_servers import free_port
from .test_exports import program

FILE = "/etc/chrony/chrony.conf"
SERVER = re.compile(r"^server \S+ iburst minpoll 4 maxpoll 6$", re.MULTILINE)
NTP_EPOCH = 2_208_988_800
LIE_S = 10.0
ALIVE_S = 10.0
LIAR = "127.0.0.1"
BETWEEN = "minpoll -4 maxpoll -4"
"""A sixteenth of a second from question to question: a test has not the minutes that a host has."""
PATIENCE_S = 20.0
DRIFT = "50000.0 1.0\n"
"""A clock that once was found to gain 50,000 parts in a million: a tenth of a second in the two seconds of a test."""


@pytest.fixture(scope="module")
def fleets() -> dict[str, Fleet]:
    return {name: load_fleet(name) for name in ("lab", "production")}


@pytest.fixture
def lab(fleets: dict[str, Fleet]) -> Fleet:
    return fleets["lab"]


def configuration(fleet: Fleet, name: str, place: Path) -> str:
    """What a host gets, with folders of the test's own; nobody asks it on a socket."""
    place.mkdir(parents=True)
    text = Builder(fleet, stand_in(fleet)).build(fleet.hosts[name]).files[FILE].content
    for folder in ("/var/lib/chrony", "/var/log/chrony"):
        text = text.replace(folder, str(place))
    return f"{text}bindcmdaddress /\npidfile {place}/pid\n"


def clock(place: Path, text: str, *options: str) -> list[str]:
    """The command line of a daemon that sets nothing."""
    (place / "chrony.conf").write_text(text, encoding="utf-8")
    return [program("chronyd"), "-x", "-U", "-u", "root", "-f", str(place / "chrony.conf"), *options]


def asking(fleet: Fleet, name: str, place: Path, servers: list[tuple[str, int]]) -> str:
    """A host's configuration in which these are its servers."""
    text = configuration(fleet, name, place)
    lines = [f"server {address} port {port} iburst {BETWEEN}\n" for address, port in servers]
    assert len(lines) <= len(SERVER.findall(text)), "there are more servers than declared ones"
    return "".join(lines) + SERVER.sub("", text)


def follows(place: Path, text: str, enough: Callable[[str], bool]) -> None:
    """Let a host's daemon follow its servers until it has said what a test waits for."""
    log = place / "log"
    with log.open("wb") as said:
        daemon = subprocess.Popen(clock(place, text, "-d"), stdout=said, stderr=said)
    try:
        end = time.monotonic() + PATIENCE_S
        while not enough(log.read_text(encoding="utf-8")):
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.05)
    finally:
        daemon.terminate()
        daemon.wait()


def outvoted(said: str) -> bool:
    """Whether the liar is known as one, and another server is followed."""
    selected = re.findall(r"Selected source (\S+)", said)
    return f"Detected falseticker {LIAR}" in said and bool(selected) and selected[-1] != LIAR


def compared(fleet: Fleet, name: str, place: Path, servers: list[tuple[str, int]]) -> float:
    """By how much the clock is wrong, in seconds, by what a host's daemon says when these are its servers."""
    command = clock(place, asking(fleet, name, place, servers), "-Q", "-t", str(int(PATIENCE_S)))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S)
    found = re.search(r"System clock wrong by (-?[\d.]+) seconds", done.stdout + done.stderr)
    assert found, done.stdout + done.stderr
    return abs(float(found[1]))


@contextmanager
def honest(fleet: Fleet, name: str, place: Path, addresses: list[str]) -> Iterator[list[tuple[str, int]]]:
    """Time servers by the configuration of one, each at an address of its own."""
    running = []
    found = [(address, free_port()) for address in addresses]
    try:
        for address, port in found:
            own = place / address
            text = configuration(fleet, name, own) + f"bindaddress {address}\nport {port}\nallow 127.0.0.0/8\n"
            (own / "chrony.drift").write_text(DRIFT, encoding="utf-8")
            with (own / "log").open("wb") as log:
                running.append(subprocess.Popen(clock(own, text, "-d"), stdout=log, stderr=log))
        end = time.monotonic() + ALIVE_S
        for address, port in found:
            while not list(first_clock.asked([address], port)):
                assert time.monotonic() < end, (place / address / "log").read_text(encoding="utf-8")
                time.sleep(0.05)
        yield found
    finally:
        for one in running:
            one.terminate()
            one.wait()


@contextmanager
def liar() -> Iterator[tuple[str, int]]:
    """A server whose clock is wrong, and which swears by it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LIAR, 0))
        address, port = server.getsockname()

        def answer() -> None:
            while (asked := server.recvfrom(512))[0] != b"enough":
                now = time.time() + LIE_S + NTP_EPOCH
                stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
                head = bytes([0b00_100_100, 1, 0, 0xEC]) + bytes(8) + b"GPS\0"
                server.sendto(head + stamp + asked[0][40:48] + stamp + stamp, asked[1])

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield address, port
        finally:
            server.sendto(b"enough", (address, port))
            thread.join()


def time_server(fleet: Fleet) -> str:
    return next(host.name for host in fleet.hosts.values() if Duty.TIME in host.duties)


@pytest.mark.proves(96)
@pytest.mark.parametrize(
    ("environment", "host_class"), [("lab", "edge"), ("production", "edge"), ("production", "bastion")]
)
def test_a_server_that_lies_is_outvoted(
    environment: str, host_class: str, fleets: dict[str, Fleet], lab: Fleet, tmp_path: Path
) -> None:
    """With every server that the host declares, one of which is ten seconds ahead of the others."""
    fleet = fleets[environment]
    host = next(one for one in fleet.hosts.values() if one.host_class == host_class)
    declared = len(SERVER.findall(configuration(fleet, host.name, tmp_path / "declared")))
    assert declared >= fleet.province.clock.least_sources
    addresses = [f"127.0.0.{number}" for number in range(2, declared + 1)]
    with honest(lab, time_server(lab), tmp_path, addresses) as servers, liar() as wrong:
        place = tmp_path / "asks"
        text = asking(fleet, host.name, place, [wrong, *servers])
        follows(place, text, outvoted)


def test_of_two_servers_nobody_knows_which_one_lies(lab: Fleet, tmp_path: Path) -> None:
    """Why the model asks for a third one."""
    name = next(host.name for host in lab.hosts.values() if host.host_class == "edge")
    with honest(lab, time_server(lab), tmp_path, ["127.0.0.2"]) as servers, liar() as wrong:
        place = tmp_path / "asks"
        follows(place, asking(lab, name, place, [wrong, *servers]), lambda said: "no majority" in said)


def test_what_hands_on_the_machines_clock_lets_it_drift_nowhere(lab: Fleet, tmp_path: Path) -> None:
    """It follows nobody, answers at once, and what a clock once drifted does not move it."""
    host = next(host.name for host in lab.hosts.values() if host.host_class == "edge")
    addresses = [f"127.0.0.{number}" for number in range(2, 6)]
    with honest(lab, time_server(lab), tmp_path, addresses) as servers:
        text = (tmp_path / addresses[0] / "chrony.conf").read_text(encoding="utf-8")
        assert "server " not in text
        time.sleep(2)
        assert compared(lab, host, tmp_path / "asks", servers) < 0.01
