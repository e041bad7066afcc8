"""The line between both sides is cut, the new side's disk is full, one cell of a million is wrong: nothing is lost."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.migration import Method, Phase
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different
from province.migration.postgresql.copy import take_away
from province.migration.postgresql.logical import Pair
from province.migration.samples import Office
from tests.consumers.relay_servers import Line
from tests.migration.servers import Cluster
from tests.migration.test_hands import conduct
from tests.migration.test_logical import ids
from tests.migration.writer import Writer

pytestmark = [pytest.mark.lab, pytest.mark.soak]


@pytest.fixture
def line(clusters: tuple[Cluster, Cluster]) -> Iterator[Line]:
    line = Line(clusters[0].port)
    yield line
    line.end()


@pytest.fixture
def over_a_line(pair: Pair, clusters: tuple[Cluster, Cluster], line: Line) -> Pair:
    """The new side follows over a line that can be cut."""
    over = pair.source.from_other.replace(f"port={clusters[0].port}", f"port={line.port}")
    return replace(pair, source=replace(pair.source, from_other=over), drain_seconds=3)


def test_a_line_that_is_cut_while_it_follows_costs_nothing(over_a_line: Pair, line: Line) -> None:
    pair = over_a_line
    with Writer(pair.source, pair.target) as writer:
        pair.provision()
        pair.replicate()
        writer.wait_for(20)
        line.cut()
        writer.wait_for(100)
        assert (pair.lag() or 0) > 0
        line.mend()
        pair.target.wait("catching up", lambda: pair.lag() == 0 or len(ids(pair.target)) > 100, 30)
        replace(pair, drain_seconds=30).freeze()
        assert different(pair.source, pair.target)[0] == ()
        pair.cut_over()
        writer.wait_for(20)
    assert sorted(writer.numbers) == ids(pair.target)


def test_a_line_that_is_cut_in_the_freeze_switches_nothing_and_both_ways_go_on(
    over_a_line: Pair, line: Line, tmp_path: Path
) -> None:
    pair = over_a_line
    conducted = conduct(pair, Method.LOGICAL, tmp_path)
    pair.provision()
    pair.replicate()
    line.cut()
    pair.source.ask("INSERT INTO organisations VALUES ('B1', 'just before')")
    with pytest.raises(ProvinceError, match="draining province_there took longer than 3 s") as late:
        pair.freeze()
    assert "ask for the same phase again" in late.value.hint
    # Named, and safe: neither side takes writes, and the gate says what lacks.
    assert conducted.phase() is Phase.FROZEN
    assert (fence.refuses(pair.source), fence.refuses(pair.target)) == (True, True)
    assert {"drained", "contents"} <= set(conducted.shut(Phase.CUT_OVER))
    line.mend()
    conducted.back()
    assert (fence.refuses(pair.source), conducted.phase()) == (False, Phase.ROLLED_BACK)
    pair.replicate()
    replace(pair, drain_seconds=30).freeze()
    assert pair.target.ask("SELECT name FROM organisations WHERE code = 'B1'") == "just before"


@pytest.fixture
def small() -> Iterator[tuple[Cluster, Path]]:
    """A new server on a disk that is soon full."""
    disk = Path(f"/tmp/province-small-{time.monotonic_ns()}")  # noqa: S108 - nobody has to reach it
    disk.mkdir(mode=0o777)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=110m,mode=777", "tmpfs", disk], check=True)
    cluster = Cluster(disk / "new", old=False)
    cluster.start()
    yield cluster, disk
    cluster.stop("immediate")
    subprocess.run(["umount", disk], check=True)
    disk.rmdir()


def test_a_full_disk_on_the_new_side_stops_the_copy_and_it_goes_on_with_room(
    clusters: tuple[Cluster, Cluster], small: tuple[Cluster, Path], fleet: Fleet
) -> None:
    cluster, disk = small
    source, target = clusters[0].database("full"), cluster.database("full")
    Office.of_bytes(fleet, "An Giang", 60 << 20).load(source)
    pair = Pair(source, target, copy_seconds=10, drain_seconds=30)
    try:
        with Writer(source) as writer:
            pair.provision()
            with pytest.raises(ProvinceError):
                pair.replicate()
            # The old side never noticed.
            writer.wait_for(20)
        assert not fence.refuses(source)
        subprocess.run(["mount", "-o", "remount,size=800m", disk], check=True)
        try:
            target.ask("SELECT 1")
        except ProvinceError:
            cluster.again()
        replace(pair, copy_seconds=90).replicate()
        pair.freeze()
        assert different(source, target)[0] == ()
        assert sorted(writer.numbers) == ids(target)
    finally:
        for side in (target, source):
            take_away(side.other("postgres"), "full")


def test_one_cell_of_a_million_is_found(pair: Pair) -> None:
    pair.source.ask(
        "CREATE TABLE marks (id int PRIMARY KEY, mark text NOT NULL);"
        "INSERT INTO marks SELECT n, 'mark ' || n FROM generate_series(1, 1000000) n"
    )
    pair = replace(pair, copy_seconds=120)
    pair.provision()
    pair.replicate()
    pair.freeze()
    assert different(pair.source, pair.target)[0] == ()
    pair.target.ask("SET session_replication_role = replica; UPDATE marks SET mark = 'mark' WHERE id = 654321")
    assert different(pair.source, pair.target)[0] == ("marks rows 650001..660000",)
