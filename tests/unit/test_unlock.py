"""A stack is freed when the run that holds it is gone, and never while it may live."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.ops.unlock import Lock, holders_of, left_alone, runs_here, unlock
from province.ops.workplace import Workplace

STACK = "production.north.systems"
FREE = f"error: a stack named {STACK} already exists\n"
GONE = 2**22 + 1
"""No process has this number: it is above the most that Linux gives out."""

LOCKED = """\
error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock \
file with `pulumi cancel`.
  file:///state/.pulumi/locks/one.json: created by root@desk (pid 7) at 2026-11-25T18:51:06Z
  file:///state/.pulumi/locks/two.json: created by linh@laptop (pid 99) at 2026-11-25T18:52:07Z
"""
ROOT, LINH = Lock("root", "desk", 7, "2026-11-25T18:51:06Z"), Lock("linh", "laptop", 99, "2026-11-25T18:52:07Z")

Refused = Callable[[str], Workplace]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refused:
    """A desk whose `pulumi` refuses a new name with this text, and notes how it was called."""

    def desk(text: str) -> Workplace:
        program = tmp_path / "bin" / "pulumi"
        program.parent.mkdir()
        (tmp_path / "says").write_text(text, encoding="utf-8")
        program.write_text(
            f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n[ "$1" = cancel ] && exit\ncat {tmp_path}/says; exit 255\n',
            encoding="utf-8",
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return Workplace(tmp_path, "production")

    return desk


def held_by(pid: int, host: str) -> str:
    return f"error: the stack is currently locked by 1 lock(s).\n  x: created by root@{host} (pid {pid}) at now\n"


def calls(work: Workplace) -> list[str]:
    return (work.checkout / "calls").read_text(encoding="utf-8").splitlines()


def test_every_holder_of_a_stack_is_read() -> None:
    assert holders_of(LOCKED) == [ROOT, LINH]
    assert holders_of(FREE) == []


@pytest.mark.parametrize(
    ("living", "left"),
    [(set(), [LINH]), ({7}, [ROOT, LINH])],
    ids=["nobody looks on other machines", "who runs here keeps it"],
)
def test_only_the_lock_of_a_process_that_is_gone_from_here_may_go(living: set[int], left: list[Lock]) -> None:
    assert left_alone([ROOT, LINH], "desk", living.__contains__) == left
    assert left_alone([ROOT], "desk", lambda _: False) == []


def test_a_number_that_was_given_to_another_program_holds_nothing() -> None:
    assert not runs_here(1)
    assert not runs_here(GONE)


def test_a_lock_that_was_left_is_taken_away(refused: Refused) -> None:
    work = refused(held_by(GONE, socket.gethostname()))
    assert unlock(work, STACK).changed
    assert calls(work)[-1] == f"cancel --yes --stack {STACK}"


def test_a_lock_of_another_machine_stays(refused: Refused) -> None:
    work = refused(held_by(GONE, "another"))
    with pytest.raises(ProvinceError, match="is in use: process"):
        unlock(work, STACK)
    assert [call.split()[0] for call in calls(work)] == ["stack"]


def test_a_stack_without_a_lock_is_left_as_it_is(refused: Refused) -> None:
    work = refused(FREE)
    assert not unlock(work, STACK).changed
    assert [call.split()[0] for call in calls(work)] == ["stack"]


@pytest.mark.parametrize("text", ["error: no such backend\n", "error: currently locked by somebody\n"])
def test_what_pulumi_says_otherwise_is_an_error(refused: Refused, text: str) -> None:
    work = refused(text)
    with pytest.raises(ProvinceError):
        unlock(work, STACK)
    assert [call.split()[0] for call in calls(work)] == ["stack"]
