"""What differs between two runs: checks that turned, that came, that went, and values that moved within a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from province.verify.evidence import Evidence, Record
from province.verify.outcome import Outcome

Change = Literal["worse", "better", "other", "new", "gone", "value"]


@dataclass(frozen=True)
class Difference:
    """One check on one host that is not the same in both runs; a side is None where the run has no such check.

    worse and better are about the verdict; unreachable and unknown say nothing of the host, so a change to or from
    them is `other`. `value` is the same verdict over another value.
    """

    change: Change
    host: str
    test: str
    before: Record | None
    after: Record | None


def compare(before: Evidence, after: Evidence) -> list[Difference]:
    """Every difference, by host and test. A host that only one of the runs was about is left out."""
    both = set(before.run.hosts) & set(after.run.hosts)
    old = {(one.host, one.test): one for one in before.records if one.host in both}
    new = {(one.host, one.test): one for one in after.records if one.host in both}
    found = []
    for host, test in sorted(old.keys() | new.keys()):
        first, second = old.get((host, test)), new.get((host, test))
        change = _change(first, second)
        if change:
            found.append(Difference(change, host, test, first, second))
    return found


def _change(before: Record | None, after: Record | None) -> Change | None:
    if before is None:
        return "new"
    if after is None:
        return "gone"
    if before.outcome is after.outcome:
        return None if (before.seen, before.expected) == (after.seen, after.expected) else "value"
    if not {before.outcome, after.outcome} <= _KNOWN:
        return "other"
    return "worse" if _KNOWN_ORDER.index(after.outcome) < _KNOWN_ORDER.index(before.outcome) else "better"


_KNOWN_ORDER = (Outcome.FAIL, Outcome.WAIVED, Outcome.PASS)
_KNOWN = set(_KNOWN_ORDER)
