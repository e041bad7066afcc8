"""Two real servers, and in both a database of an electronic office for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.migration.postgresql.copy import take_away
from province.migration.postgresql.logical import Pair
from province.migration.samples import Office
from tests.migration.ceph import Ceph
from tests.migration.servers import Cluster, has_old


@pytest.fixture(scope="session")
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    # Not below pytest's folder: every other pytest that begins shuts that one to all but its own user.
    place = Path(tempfile.mkdtemp(prefix="province-postgresql-"))
    place.chmod(0o755)
    both = Cluster(place / "old", old=has_old()), Cluster(place / "new", old=False)
    for one in both:
        one.start()
    yield both
    for one in both:
        one.stop("immediate")
    shutil.rmtree(place)


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    server = Ceph(Path(tempfile.mkdtemp(prefix="province-ceph-")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(server.profiles))
        yield server
    server.end()


@pytest.fixture(scope="session")
def fleet() -> Fleet:
    return load_fleet("lab")


@pytest.fixture(scope="session")
def office(fleet: Fleet) -> Office:
    return Office.of(fleet, "An Giang", 21_000, every=10, attachment_bytes=100)


@pytest.fixture
def pair(clusters: tuple[Cluster, Cluster], office: Office) -> Iterator[Pair]:
    name = f"office_{uuid.uuid4().hex[:8]}"
    source, target = (one.database(name) for one in clusters)
    office.load(source)
    pair = Pair(source, target, copy_seconds=30, drain_seconds=15)
    yield pair
    # Slots are the whole server's: what a test leaves behind would be in the next one's way. Streams begin there first.
    for side in (target, source):
        take_away(side.other("postgres"), name)
