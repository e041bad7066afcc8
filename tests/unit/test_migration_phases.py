"""Every phase × method × neighbour: what both sides then are, and which steps are refused."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from province.fleet.migration import Method, Phase
from province.migration.phases import (
    COPIES_ALL_THE_TIME,
    FLOWS_BACK,
    FORWARD,
    Stream,
    Writes,
    following,
    on_source,
    on_target,
    refused,
)

LEGAL = {
    *pairwise(FORWARD),
    *((phase, Phase.ROLLED_BACK) for phase in FORWARD[1:-1]),
    (Phase.ROLLED_BACK, Phase.DECLARED),
}


@pytest.mark.parametrize(("now", "wanted"), product(Phase, Phase))
def test_only_neighbours_are_legal_and_the_rest_is_refused_with_a_reason(now: Phase, wanted: Phase) -> None:
    why = refused(now, wanted)
    assert (why is None) is ((now, wanted) in LEGAL)
    assert why is None or len(why) > 10


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("phase", Phase)
def test_never_do_both_sides_take_writes(phase: Phase, method: Method) -> None:
    both = {on_target(phase, method).writes, on_source(phase, method).writes}
    assert both != {Writes.TAKES}


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(("now", "wanted"), sorted(LEGAL))
def test_writers_change_sides_only_over_a_freeze_or_by_a_way_back(now: Phase, wanted: Phase, method: Method) -> None:
    """While the declared states of two neighbours mix, the two sides still never both take writes."""
    if wanted is Phase.ROLLED_BACK:
        return  # the conductor shuts the new side before it opens the old one
    for target, source in product((now, wanted), (now, wanted)):
        assert {on_target(target, method).writes, on_source(source, method).writes} != {Writes.TAKES}


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("phase", FORWARD[:-1])
def test_before_the_point_of_no_return_the_old_data_is_kept(phase: Phase, method: Method) -> None:
    assert on_source(phase, method).kept
    assert on_source(Phase.ROLLED_BACK, method).writes is Writes.TAKES


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("phase", Phase)
def test_a_stream_runs_to_where_writes_are_refused(phase: Phase, method: Method) -> None:
    target, source = on_target(phase, method), on_source(phase, method)
    if target.stream is Stream.THERE:
        assert (target.writes, source.offers) == (Writes.REFUSES, True)
    if target.stream is Stream.BACK:
        assert (source.writes, method in FLOWS_BACK, target.serves) == (Writes.REFUSES, True, True)
    if phase is Phase.REPLICATING:
        assert (target.stream is Stream.THERE) is (method in COPIES_ALL_THE_TIME)


@pytest.mark.parametrize("method", Method)
def test_a_store_that_is_there_stays(method: Method) -> None:
    for now, wanted in pairwise(FORWARD):
        assert on_target(wanted, method).store or not on_target(now, method).store


def test_the_next_phase_follows() -> None:
    assert [following(phase) for phase in FORWARD] == [*FORWARD[1:], None]
    assert following(Phase.ROLLED_BACK) is None
