"""How long a database of an electronic office takes no writes while it moves: by logical replication, and by a dump.

Both move the same made-up office (`--mib`, 100 unless told) from PostgreSQL 15, where this machine has it, to 17, with
all rows compared before the cut-over, while somebody files documents all the time. The servers run without fsync, on
one machine: what is compared is the two ways, not a disk. Counts are of acknowledged writes.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.migration.postgresql.compare import different
from province.migration.postgresql.dump import ByDump
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.server import Server
from province.migration.postgresql.way import Way
from province.migration.samples import Office
from tests.migration.servers import Cluster, has_old
from tests.migration.writer import Writer

MIB = 2**20
FILED = 50
"""Documents that are filed before the freeze and after the cut-over, so that there is something to lose."""


def measure(words: Sequence[str]) -> dict[str, object]:
    """Seconds by way, and how many times longer the dump is; ProvinceError when a write was lost or given twice."""
    parser = argparse.ArgumentParser(prog="python -m bench moves")
    parser.add_argument("--mib", type=int, default=100)
    parser.add_argument("--province", default="An Giang")
    asked = parser.parse_args(words)
    office = Office.of_bytes(load_fleet("lab"), asked.province, asked.mib * MIB)
    with ExitStack() as after:
        place = Path(tempfile.mkdtemp(prefix="province-moves-"))
        after.callback(shutil.rmtree, place)
        place.chmod(0o755)
        old, new = Cluster(place / "old", old=has_old()), Cluster(place / "new", old=False)
        for one in (old, new):
            one.start()
            after.callback(one.stop, "immediate")
        by_stream = _move(Pair(old.database("streamed"), new.database("streamed")), office)
        by_dump = _move(ByDump(old.database("dumped"), new.database("dumped"), place), office)
    return {
        "from": "PostgreSQL 15" if has_old() else "PostgreSQL 17",
        "to": "PostgreSQL 17",
        "documents": office.documents,
        "logical replication": by_stream,
        "dump and restore": by_dump,
        "dump_over_logical_read_only": round(by_dump["read_only_seconds"] / by_stream["read_only_seconds"], 1),
    }


def _move(way: Way, office: Office) -> dict[str, float]:
    office.load(way.source)
    size = int(way.source.ask("SELECT pg_database_size(current_database())"))
    with Writer(way.source, way.target) as writer:
        writer.wait_for(FILED)
        began = time.monotonic()
        way.provision()
        way.replicate()
        copied = time.monotonic()
        way.freeze()
        drained = time.monotonic()
        wrong, compared = different(way.source, way.target)
        checked = time.monotonic()
        if wrong:
            raise ProvinceError(f"not the same on both sides: {', '.join(wrong)}")
        way.cut_over()
        over = time.monotonic()
        writer.wait_for(FILED)
    lost, twice = _whole(writer, way.target)
    moments = [moment for _, moment in writer.acknowledged]
    return {
        "database_mib": round(size / MIB, 1),
        "copied_before_seconds": round(copied - began, 2),
        "read_only_seconds": round(over - copied, 2),
        "of_which_moving_seconds": round(drained - copied, 2),
        "of_which_comparing_seconds": round(checked - drained, 2),
        "writer_waited_seconds": round(max(b - a for a, b in pairwise(moments)), 2),
        "chunks_compared": compared,
        "writes_acknowledged": len(moments),
        "writes_lost": lost,
        "writes_twice": twice,
    }


def _whole(writer: Writer, target: Server) -> tuple[int, int]:
    """How many acknowledged writes are lost, and how many numbers were given twice: ProvinceError unless none."""
    asked = "SELECT id FROM documents WHERE subject LIKE 'filed%' ORDER BY id"
    kept = [int(one) for one in target.ask(asked).splitlines()]
    lost, twice = len(set(writer.numbers) - set(kept)), len(writer.numbers) - len(set(writer.numbers))
    if lost or twice or len(kept) != len(writer.numbers):
        raise ProvinceError(
            f"{len(writer.numbers)} writes were acknowledged, {len(kept)} are there; {lost} lost, {twice} twice"
        )
    return lost, twice
