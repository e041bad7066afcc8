"""A small database moves by dump and restore while somebody writes, and back as long as nothing was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different, schema
from province.migration.postgresql.copy import prove, take_away
from province.migration.postgresql.dump import ByDump
from province.migration.postgresql.logical import Pair
from tests.migration.test_logical import ids
from tests.migration.writer import Writer

pytestmark = pytest.mark.lab


@pytest.fixture
def way(pair: Pair) -> ByDump:
    way = ByDump(pair.source, pair.target)
    way.provision()
    way.replicate()
    return way


def test_a_database_moves_while_somebody_writes_and_no_write_is_lost(way: ByDump) -> None:
    with Writer(way.source, way.target) as writer:
        writer.wait_for(20)
        with pytest.raises(ProvinceError, match="freeze it first"):
            way.cut_over()
        way.freeze()
        assert (fence.refuses(way.source), fence.refuses(way.target)) == (True, True)
        assert different(way.source, way.target)[0] == ()
        assert schema(way.source) == schema(way.target)
        way.cut_over()
        writer.wait_for(20)
        # The way back would lose them: refused, and the new side goes on.
        with pytest.raises(ProvinceError, match="took writes since the cut-over, and none flow back: documents rows"):
            way.roll_back()
        writer.wait_for(5)
    assert sorted(writer.numbers) == ids(way.target)
    # The old side says why; on the new one, where nobody is sent yet, tables come and go while they are restored.
    assert fence.MESSAGE in writer.refusals[0]
    assert all(fence.MESSAGE in one or "does not exist" in one for one in writer.refusals)


@pytest.mark.soak
def test_back_before_anything_was_written_and_again(way: ByDump) -> None:
    for _ in range(2):
        way.freeze()
        way.cut_over()
        way.roll_back()
        way.source.ask("INSERT INTO documents (organisation, subject) VALUES ('CQ001', 'between')")
        way.replicate()
        assert not fence.refuses(way.source)


@pytest.mark.soak
def test_killed_while_it_restored_it_begins_again(way: ByDump) -> None:
    fence.shut(way.source)
    fence.open_(way.target, "DROP TABLE attachments")
    assert not way.frozen()
    way.freeze()
    assert (way.frozen(), different(way.source, way.target)[0]) == (True, ())


def test_a_backup_is_of_one_moment_while_somebody_writes(pair: Pair, tmp_path: Path) -> None:
    name = f"{pair.source.ask('SELECT current_database()')}_copy"
    pair.source.outside(f"CREATE DATABASE {name}")
    copy = pair.source.other(name)
    with Writer(pair.source) as writer:
        writer.wait_for(5)
        proved = prove(pair.source, copy, tmp_path / "dump")
        writer.wait_for(5)
    assert (proved.different, proved.compared) == ((), 6)
    assert proved.rows < 21_000 + 2_100 + 150 + 547 + len(writer.numbers)
    # One byte of one attachment: what was restored is not what was dumped.
    copy.ask("UPDATE attachments SET content = set_byte(content, 3, get_byte(content, 3) # 1) WHERE id = 5")
    assert different(pair.source, copy)[0][0] == "attachments rows 1..10000"
    take_away(pair.source, name)
