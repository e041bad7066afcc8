"""Exports into a folder: whole files, only what changed; stale ones go, foreign ones stay; one message for a fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError
from province.exports import folder
from province.exports.consumers import CONSUMERS


def put(place: Path, files: dict[str, str]) -> folder.Plan:
    wanted = folder.plan(place, files)
    folder.carry_out(wanted)
    return wanted


def seen(place: Path) -> dict[str, str]:
    found = (path for path in place.rglob("*") if path.is_file() and path.name != folder.LIST)
    return {path.relative_to(place).as_posix(): path.read_text(encoding="utf-8") for path in found}


def test_a_second_run_touches_nothing(tmp_path: Path) -> None:
    put(tmp_path, {"a": "1\n", "b/c": "2\r\n"})
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = put(tmp_path, {"a": "1\n", "b/c": "2\r\n"})
    assert (again.changed, again.stale) == ((), ())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_what_is_stale_goes_with_its_folder_and_what_is_foreign_stays(tmp_path: Path) -> None:
    put(tmp_path, {"a": "1", "b/c": "2", "d/e": "3"})
    (tmp_path / "d" / "mine").write_text("mine", encoding="utf-8")
    changed = put(tmp_path, {"a": "4"})
    assert (changed.changed, changed.stale) == (("a",), ("b/c", "d/e"))
    assert seen(tmp_path) == {"a": "4", "d/mine": "mine"}
    assert not (tmp_path / "b").exists()


def test_a_file_that_somebody_removed_or_changed_is_written_again(tmp_path: Path) -> None:
    put(tmp_path, {"a": "1", "b": "2"})
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_text("by hand", encoding="utf-8")
    assert folder.before(tmp_path) == {"b": "by hand"}
    put(tmp_path, {"a": "1", "b": "2"})
    assert seen(tmp_path) == {"a": "1", "b": "2"}


def test_a_foreign_file_in_the_way_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\xff mine")
    with pytest.raises(ProvinceError, match="b: no export wrote this file; nothing was changed"):
        put(tmp_path, {"a": "1", "b": "2"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_run_that_was_stopped_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a": "1", "old": "0"})
    wanted = folder.plan(tmp_path, {"a": "2", "b": "2", "c": "2"})
    real = Path.replace

    def stopped(path: Path, target: Path) -> Path:
        if target.name == "c":
            raise KeyboardInterrupt
        return real(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            folder.carry_out(wanted)
    assert seen(tmp_path) == {"a": "2", "b": "2", "old": "0"}
    put(tmp_path, {"a": "3"})
    assert seen(tmp_path) == {"a": "3"}


def test_a_list_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    place = tmp_path / "place"
    put(place, {"a": "1"})
    (place / folder.LIST).write_text("../victim\n", encoding="utf-8")
    with pytest.raises(ProvinceError, match=r"'../victim' is no file of this folder"):
        put(place, {"a": "1"})
    assert victim.exists()


def test_the_command_says_what_it_wrote_and_then_that_nothing_changed(tmp_path: Path) -> None:
    first = CliRunner().invoke(app, ["export", "ssh", "--into", str(tmp_path)])
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [
        "wrote    ssh/known_hosts",
        "wrote    ssh/ssh_config",
        "ssh            2 files: 2 written, 0 removed, 0 as they were",
    ]
    second = CliRunner().invoke(app, ["export", "ssh", "--into", str(tmp_path)])
    assert second.stdout == "ssh            2 files: 0 written, 0 removed, 2 as they were\n"


def test_all_makes_a_folder_for_each_consumer_and_changes_nothing_twice(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "all", "--into", str(tmp_path), "-e", "production"])
    assert done.exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == set(CONSUMERS)
    written = seen(tmp_path)
    assert CliRunner().invoke(app, ["export", "all", "--into", str(tmp_path), "-e", "production"]).exit_code == 0
    assert seen(tmp_path) == written


@pytest.mark.parametrize("spoil", ["a file", "a folder in the way"])
def test_a_bad_folder_is_one_clear_error(tmp_path: Path, spoil: str) -> None:
    place = tmp_path / "place"
    if spoil == "a file":
        place.write_text("mine", encoding="utf-8")
    else:
        (place / "ssh" / "known_hosts").mkdir(parents=True)
    done = CliRunner().invoke(app, ["export", "ssh", "--into", str(place)])
    assert isinstance(done.exception, ProvinceError)
    assert done.exception.exit_code is ExitCode.USAGE
    assert str(done.exception).startswith(f"cannot export into {place}/ssh: {place}")
    assert "name a folder with --into that you may write to" in str(done.exception)
