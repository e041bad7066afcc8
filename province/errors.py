"""The errors that a person is meant to read, and the exit codes that a machine is meant to read."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the `province` command returns to its caller; each outcome has its own number."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_DATA = 3
    UNREACHABLE = 4
    DRIFT = 5
    NOTHING_SELECTED = 6
    MACHINE = 7
    UNKNOWN = 8
    STALE = 9
    LATE = 10


HOPELESS = (ExitCode.USAGE, ExitCode.BAD_DATA, ExitCode.NOTHING_SELECTED)
"""Outcomes that another try with the same words does not change: whoever starts programs again leaves it then."""


class ProvinceError(Exception):
    """An expected failure: shown as one message and a hint how to mend it, never as a traceback."""

    def __init__(self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message
