"""After the cut-over: the way back by command and by itself, with all that was written on the new side."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.old_sides import Watcher
from province.migration.journal import Journal
from province.migration.postgresql import fence
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.strayed import strayed
from province.migration.watchers import asked
from tests.consumers.relay_servers import free_port
from tests.consumers.test_exports import program
from tests.migration.office_wave import inventories, migrate, programs, reach_of
from tests.migration.servers import Cluster
from tests.migration.test_logical import ids
from tests.migration.writer import Writer

MOVE = "e-office-an-giang"
pytestmark = pytest.mark.lab


@pytest.fixture
def office_wave(pair: Pair, clusters: tuple[Cluster, Cluster], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """An office, followed by its new side, in a wave of its own that `province migrate` reaches."""
    reach = reach_of("old_databases", {MOVE: {"source": pair.source.conninfo, "target": pair.target.conninfo}})
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(inventories(tmp_path, 3, (MOVE,), reach)))
    monkeypatch.setenv("PATH", f"{programs(tmp_path / 'bin', clusters[1])}:{os.environ['PATH']}")
    pair.provision()
    pair.replicate()
    return pair


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [5, 600])
def test_the_way_back_after_new_writes_loses_none(office_wave: Pair, seconds: int) -> None:
    source, target = office_wave.source, office_wave.target
    with Writer(source, target) as writer:
        writer.wait_for(20)
        office_wave.freeze()
        office_wave.cut_over()
        here = len(writer.numbers)
        target.ask("UPDATE documents SET subject = 'changed there' WHERE id = 7; DELETE FROM attachments WHERE id = 8")
        # Nothing strays while somebody writes: what is under way is no loss.
        assert strayed(source, target, office_wave.flows_back) == 0
        time.sleep(seconds)
        assert len(writer.numbers) > here + 20 * seconds
        assert migrate("rollback", "3") == (0, f"{MOVE:32} rolled-back\n")
        writer.wait_for(20)
    assert sorted(writer.numbers) == ids(source)
    assert len(set(writer.numbers)) == len(writer.numbers)
    assert source.ask("SELECT subject FROM documents WHERE id = 7") == "changed there"
    assert source.ask("SELECT count(*) FROM attachments WHERE id = 8") == "0"
    assert (fence.refuses(source), fence.refuses(target)) == (False, True)


def test_a_lost_document_brings_the_wave_back_by_itself(office_wave: Pair, tmp_path: Path) -> None:
    source, target = office_wave.source, office_wave.target
    with Writer(source, target) as writer:
        writer.wait_for(20)
        office_wave.freeze()
        # As a fault in the copy would: nobody wrote it, so it flows nowhere.
        target.ask(
            "SET session_replication_role = replica; DELETE FROM documents WHERE id = 15000;"
            "UPDATE documents SET subject = 'something else' WHERE id = 3"
        )
        office_wave.cut_over()
        writer.wait_for(50)
        code, said = migrate("watch", "3")
        assert code == 1
        assert f"goes back: {MOVE}: lost or duplicated documents: 2 documents, over 0" in said
        writer.wait_for(20)
    assert sorted(writer.numbers) == ids(source)
    assert source.ask("SELECT count(*) FROM documents WHERE id IN (3, 15000) AND subject <> 'something else'") == "2"
    (line,) = [one for one in Journal(tmp_path / ".province/lab/migration/wave-3.jsonl").read() if one.kind == "begun"]
    assert line.said == f"{MOVE}: lost or duplicated documents: 2 documents, over 0"


@pytest.mark.soak
def test_a_watch_ends_by_itself_when_all_is_well_or_nothing_is_left_to_watch(office_wave: Pair) -> None:
    with Writer(office_wave.source, office_wave.target):
        office_wave.freeze()
        office_wave.cut_over()
        code, said = migrate("watch", "3", "--minutes", "0.1", "--every", "2")
    assert (code, said.count("lost or duplicated documents: 0 documents, goes back over 0") > 1) == (0, True), said
    assert migrate("rollback", "3")[0] == 0
    with pytest.raises(ProvinceError, match="no move of wave 3 that has a trigger takes users' writes"):
        migrate("watch", "3")


class Counted(http.server.BaseHTTPRequestHandler):
    """An entrance that counts: of every four requests one fails."""

    began = time.monotonic()

    def do_GET(self) -> None:
        many = 10 * (time.monotonic() - self.began)
        name = "province_entrance_requests_total"
        text = "".join(
            f'{name}{{system="trial",site="a",class="{kind}"}} {many * part}\n'
            for kind, part in (("2xx", 3), ("5xx", 1))
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def watcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    entrance = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Counted)
    threading.Thread(target=entrance.serve_forever, daemon=True).start()
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 250ms}\nscrape_configs:\n"
        f"  - {{job_name: entrance, static_configs: [{{targets: ['127.0.0.1:{entrance.server_port}']}}]}}\n",
        encoding="utf-8",
    )
    words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("prometheus"), *words, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    monkeypatch.setenv("PATH", f"{Path(program('promtool')).parent}:{os.environ['PATH']}")
    yield Watcher(url=f"http://127.0.0.1:{port}")
    process.kill()
    process.wait()
    entrance.shutdown()


def test_the_watchers_of_the_new_site_answer_the_question_of_the_model(watcher: Watcher, fleet: Fleet) -> None:
    plan = fleet.migration
    assert plan
    trigger = plan.moves["trial-an-giang"].trigger
    assert trigger
    assert trigger.asks
    silent = Watcher(url=f"http://127.0.0.1:{free_port()}")
    assert asked((silent,), trigger.asks) is None
    end = time.monotonic() + 20
    while (found := asked((watcher,), trigger.asks)) is None:
        assert time.monotonic() < end, "nothing was counted"
        time.sleep(0.2)
    assert found == pytest.approx(25, abs=1)
    assert asked((silent, watcher), trigger.asks) == pytest.approx(25, abs=1)
    with pytest.raises(ProvinceError, match="2 figures answer"):
        asked((watcher,), "province_entrance_requests_total")
    with pytest.raises(ProvinceError, match=r"mend `trigger\.asks`"):
        asked((watcher,), "sum(")
    assert asked((watcher,), "nothing_of_that_name") is None
