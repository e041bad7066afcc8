"""Whoever takes out of the model what makes a row of the mission real makes a test fail, for every such row."""

from __future__ import annotations

from collections import Counter

import pytest

from province.fleet.fact import Fact
from province.fleet.feature import FeatureKind
from province.fleet.fleet import Fleet
from province.fleet.references import walk

from . import test_catalogue
from .row_mutations import Mutation, proofs
from .test_catalogue import FIT_TO_DECLARE

JUDGED = (FeatureKind.NS, FeatureKind.EXT, FeatureKind.NET, FeatureKind.POL)
"""Kinds that a cluster, a line or a rule makes real; of others a list is kept, or people do something."""


def removal(row: int, kind: FeatureKind) -> Mutation:
    return Mutation(row, kind, tuple(sorted(FIT_TO_DECLARE[kind])))


@pytest.fixture
def _walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fact holds is the same in every spoilt model: a fact that is whole is walked through once."""
    known: dict[int, tuple[Fact, list[tuple[str, Fact]]]] = {}

    def remembered(fact: Fact) -> list[tuple[str, Fact]]:
        if id(fact) not in known:
            known[id(fact)] = fact, list(walk(fact))
        return known[id(fact)][1]

    monkeypatch.setattr(test_catalogue, "walk", remembered)


@pytest.mark.usefixtures("_walked_once")
def test_every_row_that_loses_its_object_is_missed_by_a_test(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    every = [removal(row, kind) for row, feature in fleet.features.items() for kind in feature.kinds if kind in JUDGED]
    known = proofs()
    caught = {one: by for one in every if (by := one.caught_by(fleet, known))}
    missed = [str(one) for one in every if one not in caught]
    by_test = Counter(caught.values())
    with capsys.disabled():
        print(f"\nrows: {len(caught)} of {len(every)} removals caught, by {len(by_test)} tests")
        for line in (
            *(f"  {count} by {test}" for test, count in by_test.most_common()),
            *(f"  missed: {one}" for one in missed),
        ):
            print(line)
    assert len(every) > len(fleet.features) / 2
    assert missed == []


def test_a_model_that_is_whole_is_missed_by_none(fleet: Fleet) -> None:
    """Else a test that always fails would catch everything."""
    nothing = removal(0, FeatureKind.NS)
    assert nothing.caught_by(fleet, proofs()) == ""


def test_what_is_removed_is_the_object_itself(fleet: Fleet) -> None:
    spoilt = removal(28, FeatureKind.NS).spoilt(fleet)
    assert fleet.systems.keys() - spoilt.systems.keys() == {"mail"}
    spoilt = removal(72, FeatureKind.EXT).spoilt(fleet)
    assert fleet.endpoints.keys() - spoilt.endpoints.keys() == {"postal-delivery"}
    spoilt = removal(27, FeatureKind.NET).spoilt(fleet)
    assert {one.id for one in fleet.registers.network_services.rows} - {
        one.id for one in spoilt.registers.network_services.rows
    } == {"press-line"}
