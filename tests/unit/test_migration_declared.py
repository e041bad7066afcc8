"""Every phase × method: a way is open when the hands of a step need it, stores stay, and each step changes little."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from province.fleet.migration import Method, Phase
from province.fleet.old_sides import HostAndPort, OldDatabase
from province.migration.declared import NO_WAY, OPENED, STORES, Store, Way, declared, needs
from province.migration.phases import COPIES_ALL_THE_TIME, FORWARD, HOLDS_NO_DATA, Stream, on_target

STEPS = [*pairwise(FORWARD), *((phase, Phase.ROLLED_BACK) for phase in FORWARD[1:-1])]
BOTH = {"passage from-old", "passage to-old"}
CHANGES: dict[Method, dict[Phase, tuple[set[str], set[str]]]] = {
    Method.LOGICAL: {
        Phase.REPLICATING: (BOTH, set()),
        Phase.SOAKING: (set(), {"passage to-old"}),
        Phase.RETIRED: (set(), {"passage from-old"}),
    },
    **{method: {Phase.PROVISIONED: ({"volume"}, set())} for method in (Method.FILES, Method.MAILBOXES, Method.ARCHIVE)},
    **{method: {} for method in (Method.PHYSICAL, Method.DUMP, Method.QUEUE, Method.OBJECTS, Method.REBUILD)},
}
"""What each step of the way there adds and takes away; a step that is not named changes the record alone."""


def test_every_method_says_where_its_data_lie() -> None:
    assert set(STORES) == set(CHANGES) == set(Method)
    assert {method for method, store in STORES.items() if store is Store.NONE} == HOLDS_NO_DATA


@pytest.mark.parametrize("method", Method)
def test_each_step_changes_what_is_named_and_nothing_else(method: Method) -> None:
    found = {}
    for now, wanted in pairwise(FORWARD):
        had, has = set(declared(now, method).pieces), set(declared(wanted, method).pieces)
        if had != has:
            found[wanted] = (has - had, had - has)
    assert found == CHANGES[method]


@pytest.mark.parametrize(("now", "wanted"), pairwise(FORWARD))
@pytest.mark.parametrize("method", Method)
def test_a_way_is_open_iff_the_step_to_the_phase_or_the_phase_needs_it(
    now: Phase, wanted: Phase, method: Method
) -> None:
    opened = OPENED.get(method, {})
    used = {opened[stream] for stream in needs(now, method) | needs(wanted, method) if stream in opened}
    assert declared(wanted, method).ways == (set() if wanted in NO_WAY else used)


@pytest.mark.parametrize("method", Method)
def test_the_stream_of_a_phase_finds_its_way_open(method: Method) -> None:
    for phase in Phase:
        stream = on_target(phase, method).stream
        if stream in OPENED.get(method, {}):
            assert OPENED[method][stream] in declared(phase, method).ways, phase


@pytest.mark.parametrize("method", Method)
def test_nothing_passes_before_it_flows_and_after_it_is_over(method: Method) -> None:
    for phase in (Phase.DECLARED, Phase.PROVISIONED, Phase.RETIRED, Phase.ROLLED_BACK):
        assert declared(phase, method).ways == set()


def test_only_who_copies_all_the_time_is_given_a_way() -> None:
    assert set(OPENED) <= COPIES_ALL_THE_TIME
    assert OPENED[Method.LOGICAL] == {Stream.THERE: Way.TO_OLD, Stream.BACK: Way.FROM_OLD}, "a subscriber asks"


@pytest.mark.parametrize(("step", "method"), product(STEPS, Method))
def test_a_store_stays_where_it_is(step: tuple[Phase, Phase], method: Method) -> None:
    """A way back takes none away either."""
    now, wanted = (declared(phase, method).store for phase in step)
    assert now is wanted or now is Store.NONE


@pytest.mark.parametrize(
    ("source", "there", "end"),
    [
        ("host=192.0.2.10 dbname=office", None, ("192.0.2.10", 5432)),
        ("host=old port=5433 hostaddr=192.0.2.10", None, ("192.0.2.10", 5433)),
        ("host=192.0.2.10", "host='2001:db8::7' port=5433", ("2001:db8::7", 5433)),
        ("host=old.example dbname=office", None, None),
        ("host=/run/postgresql port=5433", None, None),
        ("service=office", None, None),
    ],
)
def test_where_the_new_side_finds_the_old_one(source: str, there: str | None, end: tuple[str, int] | None) -> None:
    sides = OldDatabase(source=source, target="host=new", source_from_target=there)
    found = sides.old_end
    assert (found and (str(found.address), found.port)) == end
    assert found is None or isinstance(found, HostAndPort)
