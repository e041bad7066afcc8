"""What was done in a wave: one JSON line for each fact, on the disk before anything else happens, never changed.

It is evidence and no memory: where a wave stands is asked of both sides, so a lost journal loses no document.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from province.errors import ExitCode, ProvinceError
from province.fleet.fact import Fact
from province.fleet.migration import Phase
from province.lab.state import locked


class Kind(StrEnum):
    """What a line says."""

    BEGUN = "begun"
    SHUT = "shut"
    FAILED = "failed"
    REACHED = "reached"


class Line(Fact):
    """One fact of one move: when, towards which phase, who wanted it, and what was said."""

    time: datetime
    wave: int
    move: str
    kind: Kind
    phase: Phase
    who: str
    said: str = ""


class Journal:
    """The journal of one wave; opened by `alone`, so that one process at a time writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Line]:
        """All whole lines; one that a power cut tore at the end never counted. ProvinceError for any other."""
        try:
            *whole, _torn = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [self._parsed(number, line) for number, line in enumerate(whole, start=1)]

    def add(self, line: Line) -> None:
        """Write a line, durably; a torn end is taken away first."""
        new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o640)
        try:
            end = self.path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(descriptor, end)
            os.pwrite(descriptor, f"{line.model_dump_json()}\n".encode(), end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _parsed(self, number: int, line: bytes) -> Line:
        try:
            return Line.model_validate_json(line)
        except ValidationError as error:
            problem = f"{self.path} line {number}: {error.errors()[0]['msg']}"
            mend = "somebody changed it: bring it back from a copy; the wave itself is asked of both sides"
            raise ProvinceError(problem, hint=mend, exit_code=ExitCode.BAD_DATA) from None


@contextmanager
def alone(folder: Path, wave: int) -> Iterator[Journal]:
    """The journal of a wave while nobody else conducts one; ProvinceError when somebody does."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder, wait=False):
            yield Journal(folder / f"wave-{wave}.jsonl")
    except BlockingIOError:
        hint = "wait for it to end: `province migrate status` shows what it does"
        raise ProvinceError("another process conducts a wave", hint=hint) from None
