"""Two real servers, and in both a database of an electronic office for each test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.migration.postgresql.logical import BACK, THERE, Pair
from province.migration.postgresql.server import Server
from province.migration.samples import Office
from tests.migration.servers import Cluster, has_old

SUBSCRIBED = """
SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
WHERE subname = '{name}' AND datname = current_database()
"""


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
def office() -> Office:
    return Office.of(load_fleet("lab"), "An Giang", 21_000, every=10, attachment_bytes=100)


@pytest.fixture
def pair(clusters: tuple[Cluster, Cluster], office: Office) -> Iterator[Pair]:
    name = f"office_{uuid.uuid4().hex[:8]}"
    source, target = (one.database(name) for one in clusters)
    office.load(source)
    pair = Pair(source, target, copy_seconds=30, drain_seconds=15)
    yield pair
    clean(target, source, THERE)
    clean(source, target, BACK)


def clean(subscriber: Server, writer: Server, name: str) -> None:
    """Nothing of a test is left that would keep the next one's slot from being made: slots are the whole server's."""
    if subscriber.ask(SUBSCRIBED.format(name=name)) == "1":
        subscriber.ask(f"ALTER SUBSCRIPTION {name} DISABLE")
        subscriber.ask(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
        subscriber.ask(f"DROP SUBSCRIPTION {name}")
    writer.wait("idle slots", lambda: writer.ask("SELECT count(*) FROM pg_replication_slots WHERE active") == "0", 20)
    writer.ask("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
