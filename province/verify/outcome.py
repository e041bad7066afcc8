"""What a check on a host can end with, and what a host's checks amount to together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from province.errors import ExitCode


class Outcome(StrEnum):
    """The end of one check, worst first.

    fail: the host answered and is not as declared. unreachable: nobody answered, so nothing is known.
    unknown: the host answered, but the fact could not be read. waived: not as declared, with leave for a while.
    """

    FAIL = "fail"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - an outcome, not a password


SHOWN = {Outcome.UNREACHABLE: ("U", "UNREACHABLE"), Outcome.WAIVED: ("w", "WAIVED")}
"""Outcomes that pytest has no letter and no word for."""


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a host: that of its worst check; without any check nothing is known."""
    order = list(Outcome)
    return min(outcomes, key=order.index, default=Outcome.UNKNOWN)


def exit_code_of(counts: Mapping[Outcome, int]) -> ExitCode:
    """What a run's checks amount to for a caller: the worst kind decides, waived is as declared, nothing is no success.

    A check that failed is known to be wrong, so it comes first; one that could not be read may be wrong, too; a host
    that nobody reached says nothing about itself.
    """
    if counts.get(Outcome.FAIL):
        return ExitCode.FAILED
    if counts.get(Outcome.UNKNOWN):
        return ExitCode.UNKNOWN
    if counts.get(Outcome.UNREACHABLE):
        return ExitCode.UNREACHABLE
    return ExitCode.OK if any(counts.values()) else ExitCode.NOTHING_SELECTED
