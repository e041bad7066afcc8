"""What goes wrong in the middle: the conductor is killed at each step, the schema changes, leave is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.migration import Method, Phase
from province.migration.hands import AllHands
from province.migration.journal import alone
from province.migration.postgresql import fence
from province.migration.postgresql.compare import different
from province.migration.postgresql.dump import ByDump
from province.migration.postgresql.hands import DatabaseHands
from province.migration.postgresql.logical import Pair
from province.migration.postgresql.server import Server
from province.migration.postgresql.way import Way
from tests.migration.test_hands import Conducted, conduct, conducted  # noqa: F401 - a fixture

pytestmark = [pytest.mark.lab, pytest.mark.soak]


class Killed(BaseException):
    """The conductor is gone."""


@dataclass(frozen=True)
class Mortal(Server):
    """A server that kills who asks it, after so many questions to both sides together."""

    left: list[int] = field(default_factory=lambda: [10**9])

    def run(self, program: str, *words: str, typed: str | Path = "", seconds: float = 600) -> str:
        self.left[0] -= 1
        if self.left[0] < 0:
            raise Killed
        return super().run(program, *words, typed=typed, seconds=seconds)


@pytest.mark.parametrize("method", ["logical-replication", "dump-restore"])
def test_killed_at_every_step_of_the_cut_over_it_goes_on_and_nothing_is_lost(pair: Pair, method: str) -> None:
    left = [10**9]
    source, target = (Mortal(one.conninfo, one.from_other, one.programs, left) for one in (pair.source, pair.target))
    way: Way = (
        replace(pair, source=source, target=target) if method == "logical-replication" else ByDump(source, target)
    )
    way.provision()
    asked = 0
    while True:
        left[0] = 10**9
        way.replicate()
        pair.source.ask("INSERT INTO organisations SELECT 'B' || count(*), 'one more' FROM organisations")
        left[0] = asked
        try:
            way.freeze()
            way.cut_over()
        except Killed:
            # Wherever it was killed, never both sides take writes.
            assert fence.refuses(pair.source) or fence.refuses(pair.target)
            left[0] = 10**9
            if not way.frozen():
                way.freeze()
            way.cut_over()
        else:
            break
        assert (fence.refuses(pair.source), fence.refuses(pair.target)) == (True, False)
        assert pair.target.ask("SELECT count(*) FROM organisations WHERE code LIKE 'B%'") == str(asked + 1)
        way.roll_back()
        asked += 1
    assert asked > 5
    assert different(pair.source, pair.target)[0] == ()


def test_a_schema_that_changed_after_the_rehearsal_shuts_the_gate_and_names_the_way(conducted: Conducted) -> None:  # noqa: F811
    move = conducted.order.moves[0]
    hands = conducted.hands.by_move[move.id]
    assert isinstance(hands, DatabaseHands)
    conducted.to(Phase.PROVISIONED)
    conducted.to(Phase.REPLICATING)
    hands.rehearse(move)
    conducted.to(Phase.REHEARSED)
    hands.way.source.ask("ALTER TABLE documents ADD COLUMN urgent boolean")
    assert conducted.shut(Phase.FROZEN) == {"schema": "shut"}
    assert not fence.refuses(hands.way.source)


def test_without_a_second_approver_nothing_freezes(pair: Pair, tmp_path: Path) -> None:
    conducted = conduct(pair, Method.LOGICAL, tmp_path)  # noqa: F811
    move = conducted.order.moves[0]
    hands = conducted.hands.by_move[move.id]
    assert isinstance(hands, DatabaseHands)
    alone_approves = AllHands({move.id: replace(hands, desk=replace(hands.desk, approved_by=("lan",)))})
    assert replace(conducted, hands=alone_approves).shut(Phase.PROVISIONED) == {"approval": "shut"}
    conducted.to(Phase.PROVISIONED)
    conducted.to(Phase.REPLICATING)
    hands.rehearse(move)
    conducted.to(Phase.REHEARSED)
    assert replace(conducted, hands=alone_approves).shut(Phase.FROZEN) == {"approval": "shut"}
    assert not fence.refuses(pair.source)


def test_a_second_conductor_is_refused_while_one_rehearses(tmp_path: Path) -> None:
    with (
        alone(tmp_path, 3),
        pytest.raises(ProvinceError, match="another process conducts a wave"),
        alone(tmp_path, 1),
    ):
        pass
