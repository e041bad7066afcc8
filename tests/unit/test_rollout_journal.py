"""A run's journal on disk: it survives what a power cut does to it, and nothing else is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.rollout import journal
from province.rollout.conduct import conduct
from province.rollout.entries import AnyEntry, End
from province.rollout.journal import FILE, FileJournal
from province.rollout.state import Run, fold

from .rollout_world import Killed, World, begun


def nobody(_: Run, __: AnyEntry) -> None: ...


def finished(runs: Path) -> Path:
    made = FileJournal.begin(runs, begun(("a", "b"), ("c",)), nobody)
    conduct(made, World())
    made.close()
    return made.folder


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    folder = finished(tmp_path)
    run = journal.read_run(folder)
    assert run == fold(journal.read(folder))
    assert run.ended
    assert run.ended.end is End.DONE
    assert journal.folders(tmp_path) == [folder]
    assert journal.find(tmp_path, "aaaaaa") == journal.find(tmp_path, "last") == folder


def test_a_controller_killed_after_any_line_on_the_disk_resumes_to_the_same_end(tmp_path: Path) -> None:
    whole = journal.read(finished(tmp_path / "whole"))
    for line in range(2, len(whole)):
        world, seen = World(), [0]

        def die(_: Run, __: AnyEntry, line: int = line, seen: list[int] = seen) -> None:
            seen[0] += 1
            if seen[0] == line - 1:
                raise Killed

        runs = tmp_path / str(line)
        opened = FileJournal.begin(runs, begun(("a", "b"), ("c",)), die)
        with pytest.raises(Killed):
            conduct(opened, world)
        again = FileJournal.resume(opened.folder, nobody)
        run = conduct(again, world)
        assert run.ended
        assert run.ended.end is End.DONE
        assert set(world.changed.values()) == {1}
        assert len(journal.read(opened.folder)) == len(whole)


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_never_counted(tmp_path: Path, cut: int) -> None:
    folder = finished(tmp_path)
    path = folder / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert journal.read_run(folder).ended is None
    opened = FileJournal.resume(folder, nobody)
    conduct(opened, World())
    ended = journal.read_run(folder).ended
    assert ended
    assert path.read_bytes().count(b"\n") == whole.count(b"\n")


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        (b'{"kind": "soaked"}', "line 3"),
        (b"nonsense", "line 3"),
        (b'{"kind":"aplied","time":"2026-01-01T00:00:00Z"}', "line 3"),
    ],
)
def test_a_spoilt_line_in_the_middle_is_one_clear_error(tmp_path: Path, spoilt: bytes, problem: str) -> None:
    folder = finished(tmp_path)
    lines = (folder / FILE).read_bytes().split(b"\n")
    lines[2] = spoilt
    (folder / FILE).write_bytes(b"\n".join(lines))
    with pytest.raises(ProvinceError, match=problem) as caught:
        journal.read(folder)
    assert caught.value.exit_code is ExitCode.BAD_DATA
    assert str(folder / FILE) in caught.value.message


@pytest.mark.parametrize("place", [0, 1])
def test_a_journal_without_its_beginning_or_with_two_is_refused(tmp_path: Path, place: int) -> None:
    folder = finished(tmp_path)
    first, *rest = (folder / FILE).read_bytes().split(b"\n")
    (folder / FILE).write_bytes(b"\n".join(rest if place == 0 else [first, first, *rest]))
    with pytest.raises(ProvinceError, match=r"beginning|what the run is"):
        journal.read(folder)


def test_a_run_that_never_got_its_first_line_down_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "20261126T080000Z-bbbbbb"
    folder.mkdir()
    (folder / FILE).write_bytes(b'{"kind":"beg')
    assert journal.folders(tmp_path) == []


def test_an_unknown_run_is_answered_with_the_nearest(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(ProvinceError, match='did you mean "aaaaaa"'):
        journal.find(tmp_path, "aaaaab")
    with pytest.raises(ProvinceError, match="no run 'last'"):
        journal.find(tmp_path / "none", "last")
