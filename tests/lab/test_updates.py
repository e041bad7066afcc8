"""Updates on a thin line beside a conference, which does not notice: at reduced scale, over the lab's real line."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from province.fleet.load import load_fleet
from province.fleet.updates import seconds_on_line
from province.lab import mirror
from province.lab.deb import Deb, make_deb
from province.lab.state import Place
from province.manifest.peers import peers_of

from .conftest import CHECKOUT
from .test_quality import FIRST, Note, conference, is_calm, rooms

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.proves(21, 90)]

FLEET = load_fleet("lab")
NODE = FLEET.hosts["phu-quoc-party"]
MEGABYTES = 12
"""A tenth of a month: 18 s on a free line, six minutes of the class's share."""
__all__ = ["rooms"]


def on(host: str, command: str, seconds: float = 1200) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a package of a tenth of a month on the lab's mirror, with bytes that no layer can shorten."""
    folder = tmp_path_factory.mktemp("package")
    content = folder / "content"
    content.write_bytes(os.urandom(MEGABYTES * 1_000_000))
    made = make_deb(
        folder,
        Deb(
            name="month",
            version="1.0",
            files={"usr/share/month": (content, 0o644)},
            maintainer="Tests <tests@invalid>",
            description="A tenth of a month of updates",
        ),
    )
    pool = Place(CHECKOUT).mirror / "served" / "debian" / "pool"
    target = pool / made.name
    target.write_bytes(made.read_bytes())
    station = peers_of(FLEET).mirror(NODE).ipv4[0]
    yield f"{mirror.source(station, 80)}/pool/{made.name}"
    target.unlink()


def test_a_conference_does_not_notice_updates_on_a_thin_line(
    rooms: tuple[str, str], package: str, record_property: Note
) -> None:
    """Apt's own way of fetching, through the cache of the nearest site, with the mark of updates; both are measured."""
    idle = conference(rooms, "down")
    took: list[float] = []

    def fetch() -> None:
        begun = time.monotonic()
        there = "/var/cache/month.deb"
        on(NODE.name, f"sudo /usr/lib/apt/apt-helper download-file {package} {there} && sudo rm {there}")
        took.append(time.monotonic() - begun)

    worker = threading.Thread(target=fetch)
    worker.start()
    try:
        beside = conference(rooms, "down")
    finally:
        worker.join()
    mbps = NODE.interfaces[0].mbps or 0
    record_property("idle", str(idle))
    record_property("beside updates", str(beside))
    record_property("seconds", f"{took}")
    assert is_calm(beside, idle), (idle, beside, FIRST.gateway)
    assert took, "the package did not come"
    assert took[0] < seconds_on_line(FLEET, mbps, MEGABYTES, full=True), took
