"""A database moves for real, from one server to another, while somebody writes; and back; and what is refused."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different, obstacles, schema
from province.migration.postgresql.logical import THERE, Pair, slot_of
from province.migration.postgresql.server import Server
from tests.migration.servers import Cluster, has_old
from tests.migration.writer import Writer

pytestmark = pytest.mark.lab


def ids(server: Server) -> list[int]:
    return [
        int(one) for one in server.ask("SELECT id FROM documents WHERE subject LIKE 'filed%' ORDER BY id").splitlines()
    ]


def there(pair: Pair) -> None:
    pair.provision()
    pair.replicate()


def test_a_database_moves_while_somebody_writes_and_back_and_no_write_is_lost(pair: Pair) -> None:
    source, target = pair.source, pair.target
    assert obstacles(source) == ()
    with Writer(source, target) as writer:
        writer.wait_for(20)
        there(pair)
        assert schema(source) == schema(target)
        writer.wait_for(50)
        # Both sides never take writes.
        with pytest.raises(ProvinceError, match="the old side takes writes"):
            pair.cut_over()
        with pytest.raises(ProvinceError, match=fence.MESSAGE):
            target.ask("INSERT INTO organisations VALUES ('B1', 'too early')")
        began = time.monotonic()
        pair.freeze()
        wrong, compared = different(source, target)
        assert (wrong, compared) == ((), 6)
        pair.cut_over()
        read_only = time.monotonic() - began
        writer.wait_for(100)
        assert (fence.refuses(source), fence.refuses(target)) == (True, False)
        assert ids(target)[-1] > ids(source)[0]
        # And back, with what was written since.
        pair.roll_back()
        writer.wait_for(50)
        assert (fence.refuses(source), fence.refuses(target)) == (False, True)
    assert sorted(writer.numbers) == ids(source)
    assert len(set(writer.numbers)) == len(writer.numbers)
    assert all(fence.MESSAGE in one for one in writer.refusals)
    assert read_only < 5
    assert source.ask("SELECT count(*) FROM pg_replication_slots") == "0"
    # A second try begins from nothing, and is whole.
    there(pair)
    pair.freeze()
    assert different(source, target)[0] == ()


@pytest.mark.soak
def test_each_step_twice_is_as_once(pair: Pair) -> None:
    for _ in range(2):
        there(pair)
    for step in (pair.freeze, pair.freeze, pair.cut_over, pair.cut_over, pair.roll_back, pair.roll_back):
        step()
    assert (fence.refuses(pair.source), fence.refuses(pair.target)) == (False, True)


@pytest.mark.soak
def test_workers_that_lack_are_told_with_their_number(pair: Pair, clusters: tuple[Cluster, Cluster]) -> None:
    assert pair.obstacles() == ()
    few = replace(pair.target, conninfo=f"{pair.target.conninfo} dbname=postgres")
    few.outside("ALTER SYSTEM SET max_logical_replication_workers = 3")
    clusters[1].stop()
    clusters[1].again()
    try:
        said = "max_logical_replication_workers of the new side is 3, and 4 are needed"
        assert pair.obstacles() == (said,)
    finally:
        few.outside("ALTER SYSTEM RESET max_logical_replication_workers")
        few.outside("ALTER SYSTEM SET max_logical_replication_workers = 16")
        clusters[1].stop()
        clusters[1].again()


def test_what_replication_cannot_carry_is_refused_by_name(pair: Pair) -> None:
    pair.source.ask(
        "CREATE UNLOGGED TABLE counters (n int PRIMARY KEY); CREATE TABLE notes (t text); SELECT lo_create(0)"
    )
    assert obstacles(pair.source) == ("1 large objects", "no primary key: notes", "unlogged table counters")


@pytest.mark.parametrize(
    ("spoil", "chunk"),
    [
        ("UPDATE documents SET subject = replace(subject, 'số', 'sồ') WHERE id = 20001", "documents rows 20001..30000"),
        pytest.param(
            "UPDATE attachments SET content = set_byte(content, 3, get_byte(content, 3) # 1) WHERE id = 5",
            "attachments rows 1..10000",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_one_changed_cell_is_found(pair: Pair, spoil: str, chunk: str) -> None:
    there(pair)
    pair.freeze()
    pair.target.ask(f"SET session_replication_role = replica; {spoil}")
    assert different(pair.source, pair.target)[0] == (chunk,)


@pytest.mark.soak
def test_a_table_that_somebody_makes_on_the_frozen_side_costs_no_write_on_the_way_back(pair: Pair) -> None:
    there(pair)
    pair.freeze()
    pair.cut_over()
    pair.target.ask("INSERT INTO organisations VALUES ('B1', 'after the cut-over')")
    pair.source.ask("CREATE TABLE surprise (n int PRIMARY KEY)")
    assert not fence.refuses(pair.source)
    pair.roll_back()
    assert pair.source.ask("SELECT name FROM organisations WHERE code = 'B1'") == "after the cut-over"
    assert fence.refuses(pair.target)
    pair.source.ask("INSERT INTO organisations VALUES ('B2', 'taken again')")


@pytest.mark.soak
def test_a_schema_that_changed_midway_is_seen(pair: Pair) -> None:
    there(pair)
    pair.source.ask("ALTER TABLE documents ADD COLUMN urgent boolean")
    assert schema(pair.source) != schema(pair.target)


@pytest.mark.soak
def test_a_lost_slot_stops_the_freeze_and_the_way_back_still_works(pair: Pair) -> None:
    there(pair)
    pair.target.ask(f"ALTER SUBSCRIPTION {THERE} DISABLE")
    pair.source.wait("idle", lambda: pair.source.ask("SELECT bool_or(active) FROM pg_replication_slots") == "f", 10)
    pair.source.ask(f"SELECT pg_drop_replication_slot('{slot_of(pair.source, THERE)}')")
    assert pair.lag() is None
    with pytest.raises(ProvinceError, match=r"slot province_there_\d+ is lost"):
        pair.freeze()
    pair.roll_back()
    assert not fence.refuses(pair.source)


@pytest.mark.soak
def test_a_lag_that_never_reaches_zero_ends_and_nothing_is_switched(pair: Pair) -> None:
    there(pair)
    pair.target.ask(f"ALTER SUBSCRIPTION {THERE} DISABLE")
    with pytest.raises(ProvinceError, match="draining province_there took longer than 1 s"):
        replace(pair, drain_seconds=1).freeze()
    assert fence.refuses(pair.target)
    pair.roll_back()
    pair.source.ask("INSERT INTO organisations VALUES ('B1', 'later')")


@pytest.mark.soak
def test_a_write_under_way_is_finished_or_refused_but_never_lost(pair: Pair) -> None:
    """The fence waits for a transaction that holds the table; with too little patience it shuts nothing."""
    there(pair)
    slow = "BEGIN; INSERT INTO organisations VALUES ('B1', 'slow'); SELECT pg_sleep(1); COMMIT;"
    with Slow(pair.source, slow):
        pair.freeze()
    assert pair.target.ask("SELECT count(*) FROM organisations WHERE code = 'B1'") == "1"


class Slow:
    """A session that is busy for a while."""

    def __init__(self, server: Server, sql: str) -> None:
        self.process = subprocess.Popen([*server.programs, "psql", "-Xq", "-d", server.conninfo, "-c", sql])
        asked = "SELECT query FROM pg_stat_activity WHERE state = 'active'"
        end = time.monotonic() + 20
        while sql not in server.ask(asked).splitlines():
            assert time.monotonic() < end, "the slow session never began"
            time.sleep(0.02)

    def __enter__(self) -> Slow:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.wait(20) == 0


@pytest.mark.soak
def test_a_target_that_is_killed_midway_goes_on(pair: Pair, clusters: tuple[Cluster, Cluster]) -> None:
    there(pair)
    clusters[1].stop("immediate")
    pair.source.ask("INSERT INTO organisations VALUES ('B1', 'while it was away')")
    clusters[1].again()
    pair.freeze()
    assert different(pair.source, pair.target)[0] == ()


@pytest.mark.soak
def test_a_source_that_is_killed_midway_goes_on(pair: Pair, clusters: tuple[Cluster, Cluster]) -> None:
    there(pair)
    clusters[0].stop("immediate")
    with pytest.raises(ProvinceError) as gone:
        pair.freeze()
    assert gone.value.exit_code == 4
    clusters[0].again()
    pair.freeze()
    pair.cut_over()
    # A server that was killed leaves numbers out, and gives none twice.
    given = pair.target.ask("INSERT INTO documents (organisation, subject) VALUES ('CQ001', 'x') RETURNING id")
    assert int(given) > 21000


def test_the_servers_are_of_the_releases_that_are_said(clusters: tuple[Cluster, Cluster]) -> None:
    for cluster, release in zip(clusters, ("15" if has_old() else "17", "17"), strict=True):
        assert Path(cluster.data, "PG_VERSION").read_text(encoding="utf-8").strip() == release
