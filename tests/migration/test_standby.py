"""A whole server is followed by a standby, which is promoted while somebody writes; back while nothing was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different
from province.migration.postgresql.hands import DatabaseHands
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.place import Place
from province.migration.postgresql.server import Server
from province.migration.postgresql.standby import ByStandby
from tests.consumers.relay_servers import free_port
from tests.migration.servers import OLD_PROGRAMS, Cluster, has_old
from tests.migration.test_faults import Killed
from tests.migration.test_hands import Conducted, conduct_by
from tests.migration.test_logical import ids
from tests.migration.writer import Writer

pytestmark = pytest.mark.lab


@pytest.fixture
def way(pair: Pair, clusters: tuple[Cluster, Cluster]) -> Iterator[ByStandby]:
    old = clusters[0]
    place = old.place.parent / f"standby-{free_port()}"
    place.mkdir()
    place.chmod(0o777)
    programs = str(OLD_PROGRAMS) if has_old() else str(wrapped(place / "bin", old))
    port = free_port()
    options = f"-c port={port} -c unix_socket_directories={place}"
    # Without the old release here, programs are started by root, and become nobody in their own tree.
    there = Place(f"{place}/data", programs, "nobody" if has_old() else "root", options, free_port())
    name = pair.source.ask("SELECT current_database()")
    reach = f"host=127.0.0.1 port={port} user=postgres dbname={name}"
    way = ByStandby(pair.source, Server(reach, reach, pair.source.programs), there, drain_seconds=20)
    yield way
    there.clear()
    # The slot is the server's: its database may have retired.
    replace(way, source=way.source.other("postgres")).let_go()


def wrapped(place: Path, cluster: Cluster) -> Path:
    place.mkdir()
    for name in ("postgres", "pg_ctl", "pg_basebackup"):
        (place / name).write_text(f'#!/bin/sh\nexec {cluster.tool} {name} "$@"\n', encoding="utf-8")
        (place / name).chmod(0o755)
    return place


def conduct(way: ByStandby, place: Path) -> Conducted:
    return conduct_by(lambda desk: DatabaseHands(way, desk), Method.PHYSICAL, place)


def test_a_server_is_followed_and_promoted_while_somebody_writes(way: ByStandby, tmp_path: Path) -> None:
    conducted = conduct(way, tmp_path)
    with Writer(way.source) as meanwhile:
        meanwhile.wait_for(20)
        for phase in (Phase.PROVISIONED, Phase.REPLICATING):
            assert conducted.to(phase).shut == ()
        meanwhile.wait_for(20)
    assert conducted.phase() is Phase.REPLICATING
    with Writer(way.source, way.target) as writer:
        writer.wait_for(20)
        way.freeze()
        assert (fence.refuses(way.target), different(way.source, way.target)[0]) == (True, ())
        way.cut_over()
        writer.wait_for(30)
        # The way back would lose them: refused, and the new side goes on.
        with pytest.raises(ProvinceError, match="took writes since the cut-over, and none flow back"):
            way.roll_back()
        writer.wait_for(10)
    assert conducted.phase() is Phase.CUT_OVER
    numbers = meanwhile.numbers + writer.numbers
    assert sorted(numbers) == ids(way.target)
    assert len(set(numbers)) == len(numbers)
    assert fence.refuses(way.source)
    assert all(fence.MESSAGE in one or "read-only" in one for one in writer.refusals), writer.refusals[:3]
    assert way.source.ask("SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical'") == "0"


@pytest.mark.soak
def test_what_would_come_along_is_refused_by_name(way: ByStandby, clusters: tuple[Cluster, Cluster]) -> None:
    clusters[0].run("createdb", "-h", "127.0.0.1", "-p", str(clusters[0].port), "-U", "postgres", "neighbour")
    programs = str(wrapped(clusters[1].place.parent / f"newer-{free_port()}", clusters[1]))
    try:
        found = replace(way, place=replace(way.place, programs=programs, owner="root")).obstacles()
    finally:
        way.source.outside("DROP DATABASE neighbour")
    assert "database neighbour would come along, and nobody refuses its writes" in found
    assert ("the old server is of release 15, the new one of 17" in found) is has_old()
    assert way.obstacles() == ()


@pytest.mark.soak
def test_it_goes_all_the_way_with_a_rehearsal_and_retires(way: ByStandby, tmp_path: Path) -> None:
    conducted = conduct(way, tmp_path)
    move, hands = conducted.order.moves[0], conducted.hands.by_move
    for phase in (Phase.PROVISIONED, Phase.REPLICATING):
        conducted.to(phase)
    with Writer(way.source) as writer:
        writer.wait_for(5)
        proof = hands[move.id].rehearse(move)
        writer.wait_for(5)
    assert (proof.different, proof.schema_same) == ((), True)
    assert not list(Path(way.place.data).parent.glob("*rehearsal*"))
    for phase in (Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING):
        assert conducted.to(phase).phases == {move.id: phase}, conducted.to(phase).shut
    assert hands[move.id].backup(move).final
    conducted.passed = timedelta(days=15)
    conducted.to(Phase.RETIRED)
    assert conducted.phase() is Phase.RETIRED
    with pytest.raises(ProvinceError, match="does not exist"):
        way.source.ask("SELECT 1")


@pytest.mark.soak
def test_a_changed_cell_on_the_new_side_is_found(way: ByStandby, tmp_path: Path) -> None:
    conducted = conduct(way, tmp_path)
    way.provision()
    way.replicate()
    way.freeze()
    # A standby takes no change; a promoted one does, and a killed cut-over leaves such a one.
    way.target.outside("SELECT pg_promote()")
    way.target.ask("SET session_replication_role = replica; UPDATE documents SET subject = 'x' WHERE id = 20001")
    assert {one.said for one in conducted.to(Phase.CUT_OVER).shut if one.gate == "contents"} == {
        "documents rows 20001..30000"
    }
    conducted.back()
    assert (fence.refuses(way.source), conducted.phase()) == (False, Phase.ROLLED_BACK)


@pytest.mark.soak
def test_a_lost_slot_stops_the_freeze_and_names_what_to_do(way: ByStandby) -> None:
    way.provision()
    way.replicate()
    way.place.stop()
    way.let_go()
    with pytest.raises(ProvinceError, match="does not follow the old side"):
        way.freeze()
    assert not fence.refuses(way.source)
    way.roll_back()
    way.source.ask("INSERT INTO organisations VALUES ('B1', 'goes on')")


@dataclass(frozen=True)
class Mortal(Server):
    left: list[int] = field(default_factory=lambda: [10**9])

    def run(self, program: str, *words: str, typed: str | Path = "", seconds: float = 600) -> str:
        self.left[0] -= 1
        if self.left[0] < 0:
            raise Killed
        return super().run(program, *words, typed=typed, seconds=seconds)


@pytest.mark.soak
@pytest.mark.parametrize("step", ["freeze", "cut_over", "roll_back"])
def test_killed_at_every_step_it_goes_on(way: ByStandby, step: str, tmp_path: Path) -> None:
    left = [10**9]
    source, target = (Mortal(one.conninfo, one.from_other, one.programs, left) for one in (way.source, way.target))
    mortal = replace(way, source=source, target=target)
    way.provision()
    way.replicate()
    for before in ("freeze", "cut_over", "roll_back"):
        if before == step:
            break
        getattr(way, before)()
    asked = 0
    while True:
        left[0] = asked
        try:
            getattr(mortal, step)()
            break
        except Killed:
            asked += 1
        finally:
            left[0] = 10**9
        assert fence.refuses(way.source) or fence.refuses(way.target) or not way.promoted()
    assert asked > 3
    expected = {"freeze": Phase.FROZEN, "cut_over": Phase.CUT_OVER, "roll_back": Phase.ROLLED_BACK}
    assert conduct(way, tmp_path).phase() is expected[step]
