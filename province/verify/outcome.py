"""What a check on a host can end with, and what a host's checks amount to together."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


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


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a host: that of its worst check; without any check nothing is known."""
    order = list(Outcome)
    return min(outcomes, key=order.index, default=Outcome.UNKNOWN)
