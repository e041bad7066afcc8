"""Which runs may be let go: those whose class of retention is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from province.verify.ledger import Sealed


def overdue(runs: Iterable[Sealed], months: Mapping[str, int], now: datetime) -> list[Sealed]:
    """The runs that are older than the months of their class.

    The newest run is never among them, and a class that the model does not know keeps its runs.
    """
    ordered = sorted(runs, key=lambda run: run.started)
    return [run for run in ordered[:-1] if run.retention in months and _ends(run.started, months[run.retention]) <= now]


def _ends(started: datetime, months: int) -> datetime:
    """So many calendar months later; a day that the month does not have becomes the first of the next one."""
    years, month = divmod(started.month - 1 + months, 12)
    try:
        return started.replace(year=started.year + years, month=month + 1)
    except ValueError:
        years, month = divmod(started.month + months, 12)
        return started.replace(year=started.year + years, month=month + 1, day=1)
