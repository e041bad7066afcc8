"""A whole wave by an operator's commands, all its moves at once, while people write in each: there, and back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.migration.postgresql.copy import take_away
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.place import Place
from province.migration.postgresql.server import Server
from province.migration.queue.stream import Queue
from province.migration.samples import Office
from tests.consumers.relay_servers import free_port
from tests.migration.office_wave import inventories, migrate, programs, reach_of
from tests.migration.queues import STREAM, TAKER, NatsServer, Publisher, Taker
from tests.migration.servers import OLD_PROGRAMS, Cluster, has_old
from tests.migration.test_logical import ids
from tests.migration.test_standby import wrapped
from tests.migration.writer import Writer

PROVINCES = {"an-giang": "An Giang", "kien-giang": "Kiên Giang"}
MOVES = tuple(f"{what}-{room}" for room in PROVINCES for what in ("e-office", "document-gateway"))
BY_TWO = ("--approved-by", "lan", "--approved-by", "minh")
COUNTERS = tuple(f"{what}-{room}" for room in PROVINCES for what in ("one-stop", "data-exchange"))
pytestmark = [pytest.mark.lab, pytest.mark.soak]


@pytest.fixture
def offices(clusters: tuple[Cluster, Cluster], fleet: Fleet) -> Iterator[dict[str, Pair]]:
    """Both old provinces' offices: the same codes for other bodies."""
    made = {}
    for room, province in PROVINCES.items():
        name = f"office_{uuid.uuid4().hex[:8]}"
        made[room] = Pair(clusters[0].database(name), clusters[1].database(name))
        Office.of(fleet, province, 3000, every=10, attachment_bytes=100).load(made[room].source)
    yield made
    for pair in made.values():
        name = pair.source.ask("SELECT current_database()")
        for side in (pair.target, pair.source):
            take_away(side.other("postgres"), name)


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[dict[str, tuple[NatsServer, NatsServer]]]:
    made = {room: (NatsServer(tmp_path / f"{room}-old"), NatsServer(tmp_path / f"{room}-new")) for room in PROVINCES}
    for old, _ in made.values():
        old.queue.make({"subjects": ["documents.>"], "retention": "workqueue", "storage": "file", "num_replicas": 1})
        old.queue.consume({"durable_name": TAKER, "ack_policy": "explicit", "filter_subject": "documents.>"})
    yield made
    for pair in made.values():
        for one in pair:
            one.end()


@pytest.fixture
def place(
    offices: dict[str, Pair],
    gateways: dict[str, tuple[NatsServer, NatsServer]],
    clusters: tuple[Cluster, Cluster],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    databases = {
        f"e-office-{room}": {"source": pair.source.conninfo, "target": pair.target.conninfo}
        for room, pair in offices.items()
    }
    queues = {
        f"document-gateway-{room}": {"source": old.queue.url, "target": new.queue.url, "stream": STREAM}
        for room, (old, new) in gateways.items()
    }
    reach = reach_of("old_databases", databases) + reach_of("old_queues", queues)
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(inventories(tmp_path, 3, MOVES, reach)))
    monkeypatch.setenv("PATH", f"{programs(tmp_path / 'bin', clusters[0])}:{os.environ['PATH']}")
    return tmp_path


def phases(wave: int = 3) -> set[str]:
    """Where all moves of the wave stand after one more step."""
    code, said = migrate("advance", str(wave), *BY_TWO, "--json")
    told = json.loads(said)
    assert (code, told["shut"]) == (0, []), said
    return set(told["phases"].values())


def empty(queue: Queue) -> None:
    end = time.monotonic() + 30
    while queue.count():
        assert time.monotonic() < end, f"{queue.count()} wait"
        time.sleep(0.05)


def test_the_offices_and_their_gateways_move_and_come_back_while_people_write(
    place: Path, offices: dict[str, Pair], gateways: dict[str, tuple[NatsServer, NatsServer]]
) -> None:
    with ExitStack() as people:
        writers = {room: people.enter_context(Writer(pair.source, pair.target)) for room, pair in offices.items()}
        publishers = {room: people.enter_context(Publisher(*both, pause_s=0.05)) for room, both in gateways.items()}
        takers = {room: people.enter_context(Taker(*both, pause_s=0.002)) for room, both in gateways.items()}
        assert [phases() for _ in range(2)] == [{"provisioned"}, {"replicating"}]
        code, said = migrate("advance", "3", *BY_TWO)
        assert (code, "e-office-an-giang waits: rehearsal unknown" in said) == (1, True)
        code, said = migrate("rehearse", "3", "--json")
        assert (code, [one["different"] for one in json.loads(said)]) == (0, [[]] * 4)
        assert phases() == {"rehearsed"}
        assert migrate("backup", "3")[0] == 0
        assert phases() == {"frozen"}
        assert phases() == {"cut-over"}
        here = {room: len(one.numbers) for room, one in writers.items()}
        time.sleep(3)
        assert phases() == {"soaking"}
        assert "soaking" in migrate("status")[1].splitlines()[4]
        assert all(len(one.numbers) > here[room] + 20 for room, one in writers.items())
        code, said = migrate("rollback", "3")
        assert (code, said.count("rolled-back")) == (0, 4)
        for one in (*writers.values(), *publishers.values()):
            one.wait_for(20)
        for room, one in publishers.items():
            one.stop.set()
            empty(gateways[room][0].queue)
    for room, pair in offices.items():
        assert sorted(writers[room].numbers) == ids(pair.source)
        assert sorted(takers[room].done) == publishers[room].acknowledged
        assert len(set(writers[room].numbers)) == len(writers[room].numbers)


class Service:
    """A service of an old room, which its host stops and starts by commands; and the new one, which answers."""

    def __init__(self, place: Path) -> None:
        self.place, self.port, self.new_port = place, free_port(), free_port()
        (place / "logs").mkdir(parents=True)
        (place / "logs" / "đối tác.log").write_text("một lần gọi\n", encoding="utf-8")
        self.start = (
            f"setsid {sys.executable} -m http.server {self.port} --bind 127.0.0.1 --directory {place} "
            f">/dev/null 2>&1 </dev/null & echo $! >{place}/pid"
        )
        self.stop = f"kill $(cat {place}/pid); while kill -0 $(cat {place}/pid) 2>/dev/null; do sleep 0.05; done"
        self.runs = f"kill -0 $(cat {place}/pid)"
        subprocess.run(["sh", "-c", self.start], check=True)
        new = ["-m", "http.server", str(self.new_port), "--bind", "127.0.0.1", "--directory", str(place)]
        self.new = subprocess.Popen([sys.executable, *new], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def reach(self) -> dict[str, str]:
        answers = f"http://127.0.0.1:{self.new_port}/"
        return {
            "logs": f"{self.place}/logs", "stop": self.stop, "start": self.start, "runs": self.runs, "answers": answers,
        }  # fmt: skip

    def end(self) -> None:
        subprocess.run(["sh", "-c", f"{self.runs} 2>/dev/null && {self.stop}; true"], check=True)
        self.new.kill()
        self.new.wait()


@pytest.fixture
def counters(
    clusters: tuple[Cluster, Cluster], fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, tuple[Server, Server]], dict[str, Service]]]:
    """Both rooms' one-stop servers, each of its own and with room for a standby, and their adapters."""
    root = clusters[0].place.parent / f"counters-{free_port()}"
    root.mkdir(mode=0o777)
    root.chmod(0o777)
    sides: dict[str, tuple[Server, Server]] = {}
    reach: dict[str, dict[str, object]] = {}
    after = ExitStack()
    for room, province in PROVINCES.items():
        old = Cluster(root / room, old=has_old())
        old.start()
        source = old.database("one_stop")
        Office.of(fleet, province, 3000, every=10, attachment_bytes=100).load(source)
        port, data = free_port(), root / f"{room}-standby"
        data.mkdir(mode=0o777)
        data.chmod(0o777)
        target = Server(f"host=127.0.0.1 port={port} user=postgres dbname=one_stop", "", source.programs)
        folder = str(OLD_PROGRAMS) if has_old() else str(wrapped(root / f"{room}-bin", old))
        options = f"-c port={port} -c unix_socket_directories={data}"
        place = Place(f"{data}/data", folder, "nobody" if has_old() else "root", options, free_port())
        reach[f"one-stop-{room}"] = {
            "source": source.conninfo,
            "target": target.conninfo,
            "data": place.data,
            "programs": folder,
            "owner": place.owner,
            "options": options,
            "spare_port": place.spare_port,
        }
        sides[room] = (source, target)
        after.callback(old.stop, "immediate")
        after.callback(place.clear)
    services = {room: Service(tmp_path / f"service-{room}") for room in PROVINCES}
    for service in services.values():
        after.callback(service.end)
    adapters = {f"data-exchange-{room}": one.reach for room, one in services.items()}
    text = reach_of("old_standbys", reach) + reach_of("old_services", adapters)
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(inventories(tmp_path, 4, COUNTERS, text)))
    monkeypatch.setenv("PATH", f"{programs(tmp_path / 'bin', clusters[0])}:{os.environ['PATH']}")
    with after:
        yield sides, services


def test_one_stop_and_data_exchange_move_while_people_write_and_no_way_back_loses_a_write(
    counters: tuple[dict[str, tuple[Server, Server]], dict[str, Service]],
) -> None:
    sides, services = counters
    assert [phases(4) for _ in range(2)] == [{"provisioned"}, {"replicating"}]
    with ExitStack() as people:
        writers = {room: people.enter_context(Writer(*both)) for room, both in sides.items()}
        code, said = migrate("rehearse", "4", "--json")
        assert (code, [one["different"] for one in json.loads(said)]) == (0, [[]] * 4), said
        assert phases(4) == {"rehearsed"}
        assert migrate("backup", "4")[0] == 0
        assert [phases(4) for _ in range(3)] == [{"frozen"}, {"cut-over"}, {"soaking"}]
        for one in writers.values():
            one.wait_for(20)
        with pytest.raises(ProvinceError, match="physical-standby has no stream back: an unknown number of writes"):
            migrate("rollback", "4")
        for one in writers.values():
            one.wait_for(10)
    for room, (_, target) in sides.items():
        assert sorted(writers[room].numbers) == ids(target)
        assert len(set(writers[room].numbers)) == len(writers[room].numbers)
        assert subprocess.run(["sh", "-c", services[room].runs], check=False, capture_output=True).returncode
