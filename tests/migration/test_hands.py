"""A wave of one move, conducted over real databases: forward as far as hands go, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.fleet.migration import Phase
from province.migration.conduct import Order, advance, roll_back
from province.migration.hands import DatabaseHands
from province.migration.journal import Kind, alone
from province.migration.postgresql.logical import Pair

pytestmark = pytest.mark.lab


@pytest.fixture
def order() -> Order:
    migration = load_fleet("lab").migration
    assert migration
    wave = migration.waves[3].model_copy(update={"phase": Phase.CUT_OVER})
    move = next(move for move in migration.moves_of(3) if move.method == "logical-replication")
    return Order(wave, (move,), migration.limits, "lan", lambda: datetime.now(UTC))


def test_a_wave_goes_as_far_as_its_gates_and_back(pair: Pair, order: Order, tmp_path: Path) -> None:
    (move,) = order.moves
    hands = DatabaseHands({move.id: pair}, ("lan", "minh"))
    with alone(tmp_path, 3) as journal:
        assert hands.phase(move) is Phase.DECLARED
        for phase in (Phase.PROVISIONED, Phase.REPLICATING):
            assert advance(order, phase, journal, hands).phases == {move.id: phase}
        waits = advance(order, Phase.REHEARSED, journal, hands)
        assert [one.gate for one in waits.shut] == ["contents"]
        # What people did by hand on both servers is seen, because both are asked.
        pair.freeze()
        assert hands.phase(move) is Phase.FROZEN
        assert advance(order, Phase.CUT_OVER, journal, hands).phases == {move.id: Phase.CUT_OVER}
        assert roll_back(order, journal, hands).phases == {move.id: Phase.ROLLED_BACK}
        kinds = [line.kind for line in journal.read()]
    assert kinds == [Kind.BEGUN, Kind.REACHED] * 2 + [Kind.SHUT] + [Kind.BEGUN, Kind.REACHED] * 2


@pytest.mark.soak
def test_obstacles_shut_the_gate_before_anything_is_copied(pair: Pair, order: Order, tmp_path: Path) -> None:
    (move,) = order.moves
    hands = DatabaseHands({move.id: pair}, ("lan", "minh"))
    pair.source.ask("CREATE UNLOGGED TABLE counters (n int PRIMARY KEY)")
    with alone(tmp_path, 3) as journal:
        advance(order, Phase.PROVISIONED, journal, hands)
        shut = advance(order, Phase.REPLICATING, journal, hands).shut
        with pytest.raises(ProvinceError, match="comes before"):
            advance(order, Phase.FROZEN, journal, hands)
    assert [one.said for one in shut] == ["unlogged table counters"]
