"""Marks that hosts have made, found in the files of a log host."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testinfra import get_host

from province.verify.arrival import MARKS, Arrivals, arrived, parse_marks

PATTERN = "verification: proof-[0-9a-f]{4}"


def told_of(folder: Path) -> str:
    """What a log host tells of the last four lines of its files."""
    command = MARKS % (4, folder, "messages.log", PATTERN)
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True).stdout


def test_marks_are_found_by_host_and_old_lines_are_not_looked_at(tmp_path: Path) -> None:
    lines = ["x verification: proof-0ld0", *["x other: proof-beef"] * 3, "x verification: proof-beef", "x end"]
    for host, text in {"a": lines, "b": ["x verification: proof-cafe"], "c": []}.items():
        (tmp_path / host).mkdir()
        (tmp_path / host / "messages.log").write_text("".join(f"{line}\n" for line in text))
    assert parse_marks(told_of(tmp_path)) == {
        "a": {"verification: proof-beef"},
        "b": {"verification: proof-cafe"},
        "c": frozenset(),
    }


def test_a_single_file_has_its_header_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "messages.log").write_text("verification: proof-beef\n")
    assert parse_marks(told_of(tmp_path)) == {"a": {"verification: proof-beef"}}


def test_a_line_that_comes_later_is_waited_for_and_one_that_does_not_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "messages.log"
    file.write_text("before\n")
    here = get_host("local://")
    with subprocess.Popen(["/bin/sh", "-c", f"sleep 0.3; echo 'SPT=20001 DPT=2514 more' >> {file}"]):
        assert arrived(here, "SPT=20001 DPT=2514", str(file), seconds=10)
    assert not arrived(here, "SPT=20001 DPT=2515", str(file), seconds=1)


def test_a_log_host_is_asked_once_for_all_its_hosts() -> None:
    asked = []

    class LogHost:
        def run(self, command: str) -> subprocess.CompletedProcess[str]:
            asked.append(command)
            rc, out = (1, "") if "timeout" in command else (0, "==> /var/log/hosts/a/f <==\nm1\n==> /x/b/f <==\nm2\n")
            done = subprocess.CompletedProcess[str](command, rc, out)
            done.rc = rc  # type: ignore[attr-defined]
            return done

    arrivals = Arrivals(lambda _: LogHost())
    assert arrivals.has("log", "a", "m1", file="f", pattern="m.")
    assert arrivals.has("log", "b", "m2", file="f", pattern="m.")
    assert len(asked) == 1
    assert not arrivals.has("log", "b", "m1", file="f", pattern="m."), "a mark counts in its own host's file alone"
    assert len(asked) == 2
