"""A wave of one move, conducted over real databases while somebody writes: all the way, back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.load import load_fleet
from province.fleet.migration import Method, MigrationWave, Phase
from province.migration.conduct import Order, Outcome, advance, roll_back
from province.migration.desk import Desk
from province.migration.hands import AllHands, MoveHands
from province.migration.journal import Journal
from province.migration.postgresql.dump import ByDump
from province.migration.postgresql.hands import DatabaseHands
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.way import Way
from province.migration.proofs import Book, Wiped
from tests.migration.writer import Writer

pytestmark = pytest.mark.lab


@dataclass
class Conducted:
    """One move of a wave that may go all the way, at an hour within its windows that the test sets forward."""

    order: Order
    hands: AllHands
    journal: Journal
    book: Book
    passed: timedelta = field(default=timedelta())

    def to(self, wanted: Phase) -> Outcome:
        return advance(self.order, wanted, self.journal, self.hands)

    def shut(self, wanted: Phase) -> dict[str, str]:
        return {one.gate: one.verdict for one in self.to(wanted).shut}

    def back(self) -> Outcome:
        return roll_back(self.order, self.journal, self.hands)

    def phase(self) -> Phase:
        return self.hands.phase(self.order.moves[0])


def conduct(way: Way, method: Method, place: Path) -> Conducted:
    return conduct_by(lambda desk: DatabaseHands(way, desk), method, place)


def conduct_by(hands_at: Callable[[Desk], MoveHands], method: Method, place: Path) -> Conducted:
    migration = load_fleet("lab").migration
    assert migration
    week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    always = [
        {"days": week, "begins": a, "ends": b, "source": "A"} for a, b in (("00:00", "12:00"), ("12:00", "00:00"))
    ]
    declared = migration.waves[3].model_dump() | {"phase": Phase.RETIRED, "windows": always}
    move = migration.moves["e-office-an-giang"].model_copy(update={"method": method})
    book = Book(place)
    made: list[Conducted] = []

    def now() -> datetime:
        return datetime.now(LOCAL) + made[0].passed

    order = Order(MigrationWave.model_validate(declared), (move,), migration.limits, "lan", now)
    desk = Desk(book, place / "copies", 3, "lan", now, ("lan", "minh"))
    hands = AllHands({move.id: hands_at(desk)})
    made.append(Conducted(order, hands, Journal(place / "wave-3.jsonl"), book))
    return made[0]


@pytest.fixture
def conducted(pair: Pair, tmp_path: Path) -> Conducted:
    return conduct(pair, Method.LOGICAL, tmp_path)


def test_a_wave_goes_all_the_way_while_somebody_writes(pair: Pair, conducted: Conducted) -> None:
    move, hands = conducted.order.moves[0], conducted.hands.by_move
    with Writer(pair.source, pair.target) as writer:
        for phase in (Phase.PROVISIONED, Phase.REPLICATING):
            assert conducted.to(phase).phases == {move.id: phase}
        # Nothing was rehearsed: the reason, and nothing is switched.
        assert set(conducted.shut(Phase.REHEARSED)) == {"rehearsal", "read-only", "rehearsed contents", "size"}
        proof = hands[move.id].rehearse(move)
        assert (proof.different, proof.schema_same, proof.items > 23_000) == ((), True, True)
        assert proof.read_only_seconds < 20
        assert pair.source.ask("SELECT count(*) FROM pg_database WHERE datname LIKE '%rehearsal'") == "0"
        conducted.to(Phase.REHEARSED)
        assert conducted.phase() is Phase.REHEARSED
        # Too long ago: the book is what it was, the time is not.
        conducted.passed = timedelta(days=15)
        assert set(conducted.shut(Phase.FROZEN)) == {"rehearsal", "backup"}
        conducted.passed = timedelta()
        conducted.to(Phase.FROZEN)
        conducted.to(Phase.CUT_OVER)
        writer.wait_for(30)
        conducted.to(Phase.SOAKING)
        writer.wait_for(10)
    assert conducted.phase() is Phase.SOAKING
    # The old side stays as it is, and has what was written since; it retires late, by two, and with an archive.
    assert set(conducted.shut(Phase.RETIRED)) == {"soaked", "archive"}
    conducted.passed = timedelta(days=15)
    assert set(conducted.shut(Phase.RETIRED)) == {"archive"}
    archive = hands[move.id].backup(move)
    assert (archive.final, archive.different) == (True, ())
    conducted.to(Phase.RETIRED)
    assert conducted.phase() is Phase.RETIRED
    with pytest.raises(ProvinceError, match="does not exist"):
        pair.source.ask("SELECT 1")
    wiped = conducted.book.newest(Wiped, move.id)
    assert wiped
    assert (wiped.approved_by, wiped.archive_sha256) == (("lan", "minh"), archive.sha256)
    kept = pair.target.ask("SELECT id FROM documents WHERE subject LIKE 'filed%' ORDER BY id").splitlines()
    assert sorted(writer.numbers) == [int(one) for one in kept]
    with pytest.raises(ProvinceError, match="nothing leads back"):
        conducted.back()


@pytest.mark.soak
def test_obstacles_shut_the_gate_before_anything_is_copied(pair: Pair, conducted: Conducted) -> None:
    pair.source.ask("CREATE UNLOGGED TABLE counters (n int PRIMARY KEY)")
    conducted.to(Phase.PROVISIONED)
    assert [one.said for one in conducted.to(Phase.REPLICATING).shut] == ["unlogged table counters"]
    with pytest.raises(ProvinceError, match="comes before"):
        conducted.to(Phase.FROZEN)


@pytest.mark.soak
def test_a_wave_that_was_rolled_back_says_so(conducted: Conducted) -> None:
    conducted.to(Phase.PROVISIONED)
    conducted.to(Phase.REPLICATING)
    conducted.back()
    assert conducted.phase() is Phase.ROLLED_BACK


@pytest.mark.soak
def test_a_small_database_goes_all_the_way_by_dump(pair: Pair, tmp_path: Path) -> None:
    conducted = conduct(ByDump(pair.source, pair.target), Method.DUMP, tmp_path)
    move, hands = conducted.order.moves[0], conducted.hands.by_move
    conducted.to(Phase.PROVISIONED)
    conducted.to(Phase.REPLICATING)
    assert hands[move.id].rehearse(move).different == ()
    for phase in (Phase.REHEARSED, Phase.FROZEN, Phase.CUT_OVER, Phase.SOAKING):
        assert conducted.to(phase).phases == {move.id: phase}
    pair.target.ask("INSERT INTO organisations VALUES ('B1', 'after the cut-over')")
    with pytest.raises(ProvinceError, match="unknown number of writes since the cut-over would be lost"):
        conducted.back()
    conducted.passed = timedelta(days=15)
    assert hands[move.id].backup(move).final
    conducted.to(Phase.RETIRED)
    assert conducted.phase() is Phase.RETIRED
