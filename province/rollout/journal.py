"""A run's journal on disk: JSON, one line for each fact, each on the disk before anything else happens.

A line that was cut off at the end is what a power cut leaves: it never counted, and is taken away when the run goes on.
Anything else that cannot be read means that somebody touched the file; then nothing is guessed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import nearest
from province.rollout.entries import LINE, AnyEntry, Begun
from province.rollout.state import Run, advance, fold

FILE = "journal.jsonl"
MODE = 0o640

Watch = Callable[[Run, AnyEntry], None]
"""Hears of every line, with the run as it is then."""


class FileJournal:
    """A journal that is written to; at most one process has it open for that (`locking.py`)."""

    def __init__(self, folder: Path, entries: list[AnyEntry], watch: Watch) -> None:
        self.folder = folder
        self._watch = watch
        self._run = fold(entries)
        self._descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)

    @classmethod
    def begin(cls, runs: Path, begun: Begun, watch: Watch) -> FileJournal:
        """A new run's journal, in a folder of its own below `runs`."""
        folder = folder_of(runs, begun)
        folder.mkdir(parents=True)
        journal = cls(folder, [begun], watch)
        journal._write(begun)
        for parent in (folder, runs):
            _sync(parent)
        return journal

    @classmethod
    def resume(cls, folder: Path, watch: Watch) -> FileJournal:
        """The journal of a run that goes on."""
        entries, good_bytes = _read(folder / FILE)
        os.truncate(folder / FILE, good_bytes)
        return cls(folder, entries, watch)

    @property
    def run(self) -> Run:
        """The run as it is by now."""
        return self._run

    def add(self, entry: AnyEntry) -> None:
        """Write a line, durably."""
        self._write(entry)
        self._run = advance(self._run, entry)
        self._watch(self._run, entry)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write(self, entry: AnyEntry) -> None:
        os.write(self._descriptor, f"{entry.model_dump_json()}\n".encode())
        os.fsync(self._descriptor)


def new_run() -> str:
    """A name for a run: six hexadecimal digits."""
    return secrets.token_hex(3)


def folder_of(runs: Path, begun: Begun) -> Path:
    """The folder of a run: sorts by time, in UTC, to the microsecond."""
    return runs / f"{begun.time:%Y%m%dT%H%M%S.%fZ}-{begun.run}"


def folders(runs: Path) -> list[Path]:
    """The folders of all runs that have begun, the oldest first.

    A run without a whole first line never began: its controller was stopped before anything else.
    """
    return sorted(path.parent for path in runs.glob(f"*/{FILE}") if b"\n" in path.read_bytes())


def find(runs: Path, name: str) -> Path:
    """The folder of the run of that name, or of the newest run for `last`.

    Raises ProvinceError when there is none.
    """
    found = {folder.name.rpartition("-")[2]: folder for folder in folders(runs)}
    if name == "last" and found:
        return list(found.values())[-1]
    if name in found:
        return found[name]
    guess = nearest(name, found)
    hint = f'did you mean "{guess}"?' if guess else "`province runs` lists them"
    raise ProvinceError(f"no run {name!r}", hint=hint, exit_code=ExitCode.NOTHING_SELECTED)


def read(folder: Path) -> list[AnyEntry]:
    """All lines of a run.

    Raises ProvinceError with the file and line of what cannot be read.
    """
    return _read(folder / FILE)[0]


def read_run(folder: Path) -> Run:
    """A run as it is by now."""
    return fold(read(folder))


def _read(path: Path) -> tuple[list[AnyEntry], int]:
    """The lines of a journal, and how many bytes of it are whole lines."""
    *whole, _torn = path.read_bytes().split(b"\n")
    entries = list(_parsed(path, whole))
    try:
        fold(entries)
    except ValueError as error:
        raise _corrupt(path, "", str(error)) from None
    return entries, sum(len(line) + 1 for line in whole)


def _parsed(path: Path, lines: list[bytes]) -> Iterator[AnyEntry]:
    for number, line in enumerate(lines, start=1):
        try:
            yield LINE.validate_json(line)
        except ValidationError as error:
            raise _corrupt(path, f" line {number}", error.errors()[0]["msg"]) from None


def _corrupt(path: Path, where: str, problem: str) -> ProvinceError:
    return ProvinceError(
        f"{path}{where}: {problem}",
        hint="a run goes on from its journal alone: bring the file back from a copy, or move its folder away "
        "and begin a new run, which changes nothing where hosts are as declared",
        exit_code=ExitCode.BAD_DATA,
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
