"""What runs tell afterwards: who waits, why a host is as it is, what two runs did differently."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from province.errors import ExitCode, ProvinceError
from province.rollout.conduct import conduct
from province.rollout.controller import Intent, code_of
from province.rollout.entries import Asked
from province.rollout.history import Standing, counts, difference, pending, standing, state, why
from province.rollout.state import Run
from province.rollout.view import as_json, ending, lines

from .rollout_world import START, Killed, Lines, World, begun, conducted

BATCHES = (("a", "b"), ("c", "d"), ("e",))


def run(world: World, name: str = "aaaaaa", **more: Any) -> Run:
    return conducted(begun(*BATCHES, run=name, **more), world)


def test_hosts_out_of_reach_wait_until_a_later_run_reaches_them() -> None:
    first = run(World(away={"c"}), lost={"z": "No route to host"})
    assert pending([first]) == {"c": "aaaaaa", "z": "aaaaaa"}
    still = conducted(begun(("c",), run="bbbbbb", lost={"z": "gone"}), World(away={"c"}))
    assert pending([first, still]) == {"c": "aaaaaa", "z": "aaaaaa"}
    reached = conducted(begun(("c",), run="cccccc", as_declared=["z"]), World())
    assert pending([first, still, reached]) == {}


def test_a_run_that_ended_before_a_hosts_turn_takes_nobody_off_the_list() -> None:
    first = run(World(away={"e"}))
    stopped = run(World(bad={"a"}), "bbbbbb")
    assert standing(stopped, "e") is Standing.UNTOUCHED
    assert pending([first, stopped]) == {"e": "aaaaaa"}


@pytest.mark.parametrize(
    ("world", "host", "expected"),
    [
        (World(), "a", Standing.PROVEN),
        (World(bad={"a"}), "a", Standing.BACK),
        (World(bad={"a"}, foreign={"a"}), "a", Standing.FAILED),
        (World(breaks={"a"}), "a", Standing.FAILED),
        (World(away={"c"}), "c", Standing.PENDING),
        (World(bad={"a"}), "c", Standing.UNTOUCHED),
        (World(), "elsewhere", None),
    ],
)
def test_a_host_stands_where_the_last_thing_left_it(world: World, host: str, expected: Standing | None) -> None:
    assert standing(run(world), host) is expected


def test_why_names_the_run_the_person_the_reason_and_what_happened() -> None:
    good = run(World(), "bbbbbb", reason="first")
    bad = run(World(bad={"b"}), ticket="OPS-114", time=START + timedelta(days=1))
    told = why([good, bad], "b")
    assert told[0] == "b: went back, by run aaaaaa of 2026-11-27 08:00 UTC (lan@desk OPS-114 “second time source”)"
    text = "\n".join(told)
    assert "apply: changed  change /etc/a" in text
    assert "verify: failed  not as declared" in text
    assert text.index("run aaaaaa") < text.index("run bbbbbb")
    untouched = why([good, bad], "e")
    assert untouched[0].startswith("e: as declared, by run bbbbbb")
    assert "its turn has not come: batch 1: 1 of 2 hosts failed, allowed are 0" in "\n".join(untouched)
    assert why([good], "nobody") == ["nobody: no run was about it"]


def test_why_says_what_a_host_waits_for() -> None:
    assert "  waits since run aaaaaa: province apply --pending --reason …" in why([run(World(away={"c"}))], "c")


def test_two_runs_differ_where_hosts_were_left_otherwise() -> None:
    one, other = run(World(bad={"a"})), run(World(), "bbbbbb", who="an@desk", digests={"b": "e" * 64})
    told = difference(one, other)
    assert told[:2] == ["who: lan@desk → an@desk", "end: failed → done"]
    assert "a: went back → as declared" in told
    assert "e: untouched → as declared" in told
    assert difference(one, one) == []


def test_the_same_state_of_another_manifest_is_a_difference() -> None:
    one, other = run(World()), run(World(), "bbbbbb", digests={"a": "e" * 64})
    assert difference(one, other) == ["a: as declared in both; manifest dddddddddddd → eeeeeeeeeeee"]


@pytest.mark.parametrize(
    ("world", "code"),
    [
        (World(), ExitCode.OK),
        (World(away={"c"}), ExitCode.UNREACHABLE),
        (World(away={"a", "b"}), ExitCode.UNREACHABLE),
        (World(bad={"c"}, away={"a"}), ExitCode.FAILED),
        (World(wishes=[(1, "abort")]), ExitCode.FAILED),
        (World(wishes=[(1, "pause")]), ExitCode.OK),
    ],
)
def test_the_exit_code_keeps_failed_and_unreachable_apart(world: World, code: ExitCode) -> None:
    assert code_of(run(world)) is code


def test_a_host_that_the_plan_lost_is_never_green() -> None:
    assert code_of(conducted(begun(lost={"z": "gone"}), World())) is ExitCode.UNREACHABLE


def test_one_line_for_each_batch_with_the_names_that_are_running() -> None:
    journal = Lines([begun(("a", "b"), tuple("cdefghij"))])
    world = World()
    journal.dies_after = 9  # the second batch has begun
    with pytest.raises(Killed):
        conduct(journal, world)
    first, second = lines(journal.run, world.now())
    assert first.startswith("batch 1/2  s0               2   changed 2   verified 2")
    assert "left 8   running 8: c d e f and 4 more" in second


def test_failures_come_last_each_with_its_reason_and_what_to_type() -> None:
    told = list(ending(run(World(away={"c"}, bad={"d"}))))
    assert told[0].startswith("failed: batch 2: 1 of 2 hosts failed")
    assert told[-2:] == [
        "once they answer: province apply --pending -e lab --reason …",
        "more of them: province why d -e lab",
    ]
    assert "failed       d: apply: changed: change /etc/a; verify: failed: not as declared; return: back" in told


def test_a_paused_run_says_how_it_goes_on() -> None:
    paused = run(World(wishes=[(1, "pause")]))
    assert state(paused) == "paused"
    assert list(ending(paused)) == ["paused; `province apply --resume` goes on"]


def test_programs_get_batches_and_the_hosts_that_are_not_proven() -> None:
    told = as_json(run(World(away={"c"})))
    assert told["counts"] == {"as declared": 4, "pending": 1}
    assert list(told["hosts"]) == ["c"]
    assert [batch["verified"] for batch in told["batches"]] == [2, 1, 1]
    assert counts(run(World(bad={"a"}))) == {"went back": 2, "untouched": 3}


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "{{ lookup('pipe', 'id') }}"])
def test_a_reason_is_one_plain_line(reason: str) -> None:
    with pytest.raises(ProvinceError) as caught:
        Intent(reason)
    assert caught.value.exit_code is ExitCode.USAGE


def test_who_asked_is_written_down() -> None:
    journal = Lines([begun(("a",))])
    conduct(journal, World(wishes=[(0, "abort")]))
    assert [entry.who for entry in journal.entries if isinstance(entry, Asked)] == ["an@desk"]
