"""A run as a state machine: whatever happens to hosts or to its controller, it ends as it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from province.rollout.conduct import conduct, next_step
from province.rollout.entries import Applied, Back, BatchBegun, Begun, End, Resumed
from province.rollout.state import Run

from .rollout_world import Killed, World, begun, conducted, killed_and_resumed
from .rollout_world import Lines as Journal

CANARIES, MANY = ("a", "b"), tuple("cdefghij")
LAST = ("y", "z")


def first(failed_budget: float = 0) -> Begun:
    return begun(CANARIES, MANY, LAST, failed_budget=failed_budget)


WORLDS: dict[str, tuple[Callable[[], World], End]] = {
    "all is well": (World, End.DONE),
    "some are new already": (lambda: World(new={"c", "d"}), End.DONE),
    "a canary breaks": (lambda: World(breaks={"b"}), End.FAILED),
    "a canary is bad": (lambda: World(bad={"a"}), End.FAILED),
    "one of many is bad": (lambda: World(bad={"e"}), End.FAILED),
    "two of many are bad": (lambda: World(bad={"d", "h"}), End.FAILED),
    "a bad one is somebody else's by now": (lambda: World(bad={"e"}, foreign={"e", "f"}), End.FAILED),
    "one is away": (lambda: World(away={"d"}), End.DONE),
    "too many are away": (lambda: World(away={"d", "e", "f"}), End.STOPPED),
    "both canaries are away": (lambda: World(away={"a", "b"}), End.STOPPED),
    "somebody aborts": (lambda: World(wishes=[(9, "abort")]), End.ABORTED),
}


def state(run: Run, world: World) -> tuple[Any, ...]:
    """What a run has come to, apart from times and words."""
    returned = {host: one.back for batch in run.batches for host, one in batch.returned.items()}
    went_back = {host for host, back in returned.items() if back in (Back.BACK, Back.LEFT)}
    return (run.ended and run.ended.end, world.new, went_back, run.unreachable, set(run.failed), run.untouched)


@pytest.mark.parametrize("name", WORLDS)
def test_a_run_ends_as_its_hosts_let_it(name: str) -> None:
    make, end = WORLDS[name]
    run = conducted(first(), make())
    assert run.ended
    assert run.ended.end is end
    assert next_step(run) is None


@pytest.mark.parametrize("name", [name for name in WORLDS if name != "somebody aborts"])
def test_a_controller_killed_after_any_line_comes_to_the_same_end(name: str) -> None:
    make, _ = WORLDS[name]
    world = make()
    journal = Journal([first()])
    expected = state(conduct(journal, world), world)
    for line in range(2, len(journal.entries) + 1):
        again = make()
        run, _ = killed_and_resumed(first(), again, line)
        assert state(run, again) == expected, f"killed after line {line}"
        assert not [host for host, times in again.changed.items() if times > 1], f"changed twice, after line {line}"
        assert not [host for host, times in again.went_back.items() if times > 1], f"back twice, after line {line}"


@pytest.mark.parametrize("line", range(2, 20))
def test_a_host_that_was_heard_of_is_not_asked_for_again(line: int) -> None:
    world, journal = World(), Journal([first()], line)
    with pytest.raises(Killed):
        conduct(journal, world)
    heard = {entry.host for entry in journal.entries if isinstance(entry, Applied)}
    calls = len(world.applied)
    journal.dies_after = None
    conduct(journal, world)
    assert not [hosts for hosts in world.applied[calls:] if heard & set(hosts)]


def test_a_change_that_was_not_written_down_is_no_second_change() -> None:
    """The playbook was through with a host when its controller died before the line."""
    world = World(new={"a"})
    world.changed["a"] = 1
    run = conducted(first(), world)
    assert world.changed["a"] == 1
    assert run.batches[0].good == CANARIES


def test_when_a_canary_fails_both_go_back_and_nobody_else_is_touched() -> None:
    world = World(bad={"b"})
    run = conducted(first(), world)
    assert world.new == set()
    assert world.changed.keys() == set(CANARIES)
    assert {host: one.back for host, one in run.batches[0].returned.items()} == {"a": Back.BACK, "b": Back.BACK}
    assert run.untouched == (*MANY, *LAST)
    assert run.ended
    assert run.ended.why == "batch 1: 1 of 2 hosts failed, allowed are 0"


def test_a_failure_within_the_budget_goes_back_alone() -> None:
    world = World(bad={"e"})
    run = conducted(first(failed_budget=20), world)
    assert run.ended
    assert run.ended.end is End.DONE
    assert world.went_back == {"e": 1}
    assert run.failed == ("e",)
    assert world.new == {*CANARIES, *MANY, *LAST} - {"e"}


def test_a_host_that_somebody_changed_since_stays_as_it_is() -> None:
    world = World(bad={"e"}, foreign={"f"})
    run = conducted(first(), world)
    assert run.batches[1].returned["f"].back is Back.LEFT
    assert world.new == {*CANARIES, "f"}


def test_hosts_out_of_reach_take_nothing_back_and_are_never_green() -> None:
    world = World(away={"d", "e", "f"})
    run = conducted(first(), world)
    assert world.went_back == {}
    assert run.batches[1].good == tuple(host for host in MANY if host not in world.away)
    assert run.unreachable == ("d", "e", "f")
    assert run.untouched == LAST


def test_a_batch_is_watched_and_verified_before_the_next_one() -> None:
    world = World()
    conducted(first(), world)
    assert world.soaked == [5, 5, 5]
    assert world.verified == [CANARIES, MANY, LAST]


def test_nobody_is_verified_when_the_playbook_failed_beyond_the_budget() -> None:
    world = World(breaks={"c"})
    conducted(first(), world)
    assert world.verified == [CANARIES]


@pytest.mark.parametrize("tick", range(1, 25))
def test_a_pause_leaves_no_host_half_done_and_the_run_goes_on(tick: int) -> None:
    world = World(wishes=[(tick, "pause")])
    journal = Journal([first()])
    run = conduct(journal, world)
    if not run.paused:
        assert run.ended, "the wish came when all was over"
        return
    assert not [batch for batch in run.batches if batch.begun and batch.applied and batch.waiting]
    journal.add(Resumed(time=world.now(), who="an@desk"))
    run = conduct(journal, world)
    assert run.ended
    assert run.ended.end is End.DONE
    assert set(world.changed.values()) == {1}


@pytest.mark.parametrize("tick", range(1, 25))
def test_an_abort_takes_back_what_is_not_proven_and_no_more(tick: int) -> None:
    world = World(wishes=[(tick, "abort")])
    run = conducted(first(), world)
    assert run.ended
    if run.ended.end is End.ABORTED:
        assert world.new == {host for batch in run.batches for host in batch.good}


def test_an_abort_after_the_controller_was_killed_asks_hosts_that_were_not_written_down() -> None:
    """A host was changed, its controller died before the line, and then somebody ends the run."""
    world = World(new={"a"}, wishes=[(0, "abort")])
    journal = Journal([first()])
    journal.add(BatchBegun(time=world.now(), batch=1))
    run = conduct(journal, world)
    assert run.ended
    assert run.ended.end is End.ABORTED
    assert world.new == set()


def test_a_batch_that_proved_nothing_is_no_leave_for_the_next_one() -> None:
    patient = begun(("a",), ("b", "c"), unreachable_budget=50)
    run = conducted(patient, World(away={"a"}))
    assert run.ended
    assert (run.ended.end, run.untouched) == (End.STOPPED, ("b", "c"))
    assert run.ended.why == "batch 1: no host of it could be verified, so it proves nothing"
    last = conducted(begun(("a", "b"), ("c",), unreachable_budget=50), World(away={"c"}))
    assert last.ended
    assert last.ended.end is End.DONE


def test_a_run_over_nothing_is_done() -> None:
    run = conducted(begun(), World())
    assert run.ended
    assert run.ended.end is End.DONE
