"""A work queue moves between real servers while somebody publishes and somebody works, there and back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.proofs import Wiped
from province.migration.queue.hands import QueueHands
from province.migration.queue.stream import Answer, Message, Queue
from province.migration.queue.way import QueueWay, differing, prefix_of, refuses
from tests.consumers.relay_clients import until
from tests.migration.queues import STREAM, TAKER, NatsServer, Publisher, Taker
from tests.migration.test_faults import Killed
from tests.migration.test_hands import Conducted, conduct_by

FORWARD = (Phase.PROVISIONED, Phase.REPLICATING, Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[NatsServer, NatsServer]]:
    both = NatsServer(tmp_path / "old"), NatsServer(tmp_path / "new")
    old = both[0].queue
    old.make({"subjects": ["documents.>"], "retention": "workqueue", "storage": "file", "num_replicas": 1})
    old.consume({"durable_name": TAKER, "ack_policy": "explicit", "filter_subject": "documents.>", "max_deliver": 5})
    yield both
    for one in both:
        one.end()


@pytest.fixture
def way(servers: tuple[NatsServer, NatsServer]) -> QueueWay:
    return QueueWay(servers[0].queue, servers[1].queue, drain_seconds=10)


@pytest.fixture
def conducted(way: QueueWay, tmp_path: Path) -> Conducted:
    return conduct_by(lambda desk: QueueHands(way, desk), Method.QUEUE, tmp_path)


def forward(conducted: Conducted, last: Phase) -> None:
    move = conducted.order.moves[0]
    for phase in FORWARD[: FORWARD.index(last) + 1]:
        if phase is Phase.REHEARSED:
            assert conducted.hands.by_move[move.id].rehearse(move).different == ()
            assert conducted.hands.by_move[move.id].backup(move).different == ()
        assert conducted.to(phase).phases == {move.id: phase}, conducted.to(phase).shut


def waiting(queue: Queue, many: int) -> None:
    """Somebody sent, and nobody works."""
    queue.publish("", [Message(n, f"documents.{n % 3}", {"Nats-Msg-Id": f"m{n}"}, b"%d" % n) for n in range(many)])


def test_a_queue_moves_and_comes_back_while_people_publish_and_work(
    servers: tuple[NatsServer, NatsServer], way: QueueWay, conducted: Conducted
) -> None:
    with Publisher(*servers) as publisher, Taker(*servers) as taker:
        publisher.wait_for(50)
        forward(conducted, Phase.SOAKING)
        publisher.wait_for(100)
        assert (refuses(way.source), refuses(way.target)) == (True, False)
        conducted.back()
        assert conducted.phase() is Phase.ROLLED_BACK
        publisher.wait_for(50)
        publisher.stop.set()
        until(lambda: way.source.count() == 0, "everything is done", 30)
    # Everything that a server acknowledged was done, and nothing twice.
    assert sorted(taker.done) == publisher.acknowledged == sorted(set(publisher.acknowledged))
    assert way.target.count() == 0 or refuses(way.target)
    (consumer,) = way.source.consumers()
    assert (consumer["config"]["filter_subject"], consumer["config"]["max_deliver"]) == ("documents.>", 5)


@pytest.mark.parametrize("spoil", ["changed", pytest.param("missing", marks=pytest.mark.soak)])
def test_what_is_planted_in_the_copy_is_found_by_the_gate(way: QueueWay, conducted: Conducted, spoil: str) -> None:
    waiting(way.source, 300)
    forward(conducted, Phase.FROZEN)
    there = way.target.messages()
    way.target.purge()
    one = there[250]
    there[250] = replace(one, body=b"something else", headers={})
    # Nobody may take what a change of the copy looks like for one that it had before.
    there = [replace(each, headers={} if each is not one else each.headers) for each in there]
    way.target.publish(f"{prefix_of(way.target)}.", there if spoil == "changed" else there[:250])
    shut = {each.gate: each.said for each in conducted.to(Phase.CUT_OVER).shut}
    assert set(shut) == {"contents"}
    assert f"{STREAM} message 251 (documents.1)" in shut["contents"]
    assert conducted.phase() is Phase.FROZEN
    conducted.back()
    assert (way.source.count(), refuses(way.source)) == (300, False)


@pytest.mark.soak
def test_it_retires_with_an_archive_and_what_waits_is_done_there(way: QueueWay, conducted: Conducted) -> None:
    move = conducted.order.moves[0]
    waiting(way.source, 20)
    forward(conducted, Phase.SOAKING)
    assert way.target.count() == 20
    archive = conducted.hands.by_move[move.id].backup(move)
    assert (archive.final, archive.items, archive.different) == (True, 20, ())
    conducted.passed = timedelta(days=15)
    conducted.to(Phase.RETIRED)
    assert (way.source.config(), conducted.phase()) == (None, Phase.RETIRED)
    assert conducted.book.newest(Wiped, move.id)


@pytest.mark.soak
def test_what_no_move_can_drain_is_refused_before_anything_is_copied(way: QueueWay, conducted: Conducted) -> None:
    way.source.remove()
    way.source.make({"subjects": ["documents.>"], "retention": "limits", "storage": "file", "num_replicas": 1})
    conducted.to(Phase.PROVISIONED)
    (shut,) = conducted.to(Phase.REPLICATING).shut
    assert shut.said == f"{STREAM} keeps messages by limits: only a work queue is drained"


@pytest.mark.soak
def test_a_consumer_that_holds_a_message_stops_the_freeze_and_the_way_back_still_works(
    servers: tuple[NatsServer, NatsServer], way: QueueWay
) -> None:
    way = replace(way, drain_seconds=0.5)
    waiting(way.source, 3)
    way.provision()
    way.replicate()
    with Taker(*servers, pause_s=4):
        until(lambda: way.source.consumers()[0]["num_ack_pending"] == 1, "somebody works", 10)
        with pytest.raises(ProvinceError, match="after 0 s gateway holds 1"):
            way.freeze()
    way.roll_back()
    assert not refuses(way.source)
    assert way.source.count() >= 2


LEFT = [10**9]


class Mortal(Queue):
    """A queue that kills who asks it, after so many questions to both sides together."""

    def _with(self, doing: Callable[[Client], Coroutine[Any, Any, Answer]]) -> Answer:
        LEFT[0] -= 1
        if LEFT[0] < 0:
            raise Killed
        return super()._with(doing)


@pytest.mark.soak
def test_killed_at_every_step_there_and_back_nothing_is_lost(way: QueueWay, tmp_path: Path) -> None:
    old, new = (Mortal(one.url, one.stream) for one in (way.source, way.target))
    mortal = QueueWay(old, new, drain_seconds=10)
    conducted = conduct_by(lambda desk: QueueHands(mortal, desk), Method.QUEUE, tmp_path)
    waiting(way.source, 30)
    forward(conducted, Phase.REHEARSED)
    hands, move = conducted.hands.by_move[conducted.order.moves[0].id], conducted.order.moves[0]
    for wanted in (Phase.FROZEN, Phase.CUT_OVER, Phase.ROLLED_BACK):
        asked = 0
        while True:
            LEFT[0] = asked
            try:
                hands.act(move, wanted)
                break
            except Killed:
                asked += 1
            finally:
                LEFT[0] = 10**9
            assert refuses(way.source) or refuses(way.target) or wanted is Phase.FROZEN
        assert asked > 5
        assert hands.phase(move) is wanted
    assert [one.body for one in way.source.messages()] == [b"%d" % number for number in range(30)]
    assert differing(way.source, way.target)[0] == ()


@pytest.mark.soak
def test_a_server_that_was_killed_midway_goes_on(servers: tuple[NatsServer, NatsServer], conducted: Conducted) -> None:
    waiting(servers[0].queue, 40)
    forward(conducted, Phase.REHEARSED)
    for server in servers:
        server.kill()
        with pytest.raises(ProvinceError) as gone:
            conducted.to(Phase.FROZEN)
        assert gone.value.exit_code == 4
        server.start()
    conducted.to(Phase.FROZEN)
    servers[1].kill()
    servers[1].start()
    conducted.to(Phase.CUT_OVER)
    assert servers[1].queue.count() == 40
