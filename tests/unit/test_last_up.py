"""What the note of a stack's last `up` is good for, and when it counts for nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.ops import last_up
from province.ops.last_up import Inputs, Known, LastUp, reason_to_start
from province.ops.workplace import Workplace

STACK = "production.north.systems"
CLUSTER = "b653e06f-2c6c-4be6-96c7-91eb324bd6eb"
NOW = Inputs("aa", 7)
KNOWN = Known("2026-11-25T18:00:00.000Z", 7)
LAST = LastUp(NOW.digest, CLUSTER, KNOWN.changed, KNOWN.resources)


@pytest.fixture
def work(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path, "production")


def test_a_stack_is_left_alone_while_inputs_and_state_are_those_of_its_last_up() -> None:
    assert reason_to_start(NOW, KNOWN, LAST) == ""


@pytest.mark.parametrize(
    ("now", "known", "last", "reason"),
    [
        (NOW, None, LAST, "nothing of it stands yet"),
        (NOW, replace(KNOWN, resources=0), LAST, "nothing of it stands yet"),
        (NOW, KNOWN, None, "no `up` is on record"),
        (NOW, replace(KNOWN, changed="2026-11-25T19:00:00.000Z"), LAST, "its state was changed since"),
        (replace(NOW, digest="bb"), KNOWN, LAST, "its inputs changed"),
    ],
)
def test_else_it_is_started_and_says_why(now: Inputs, known: Known | None, last: LastUp | None, reason: str) -> None:
    assert reason in reason_to_start(now, known, last)


def test_a_note_is_read_as_it_was_written_until_it_is_dropped(work: Workplace) -> None:
    assert last_up.read(work, STACK) is None
    last_up.write(work, STACK, LAST)
    assert last_up.read(work, STACK) == LAST
    last_up.drop(work, STACK)
    assert last_up.read(work, STACK) is None


@pytest.mark.parametrize("text", ["", "[]", '{"digest": "aa"}', "{}"])
def test_a_note_of_another_form_counts_for_nothing(work: Workplace, text: str) -> None:
    last_up.write(work, STACK, LAST)
    last_up.note_path(work, STACK).write_text(text, encoding="utf-8")
    assert last_up.read(work, STACK) is None


def test_a_state_that_is_gone_while_its_cluster_stands_is_an_error_with_both_ways_out(work: Workplace) -> None:
    with pytest.raises(ProvinceError, match=f"the backend has no state of {STACK}") as caught:
        last_up.refuse_lost_state(work, {STACK: LAST}, {}, CLUSTER)
    assert "pulumi stack import" in caught.value.hint
    assert f"rm {last_up.note_path(work, STACK)}" in caught.value.hint


@pytest.mark.parametrize(
    ("last", "known", "cluster"),
    [(LAST, {STACK: KNOWN}, CLUSTER), (None, {}, CLUSTER), (LAST, {}, "5b8a4082-459f-4e7e-8a19-d8ecc9d2ef18")],
    ids=["the state is there", "nothing was ever made", "the cluster was built anew"],
)
def test_else_nothing_is_lost(work: Workplace, last: LastUp | None, known: dict[str, Known], cluster: str) -> None:
    last_up.refuse_lost_state(work, {STACK: last}, known, cluster)
