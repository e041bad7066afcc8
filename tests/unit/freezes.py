"""Freezes for tests."""

from __future__ import annotations

import datetime as dt

from province.fleet.calendar import Freeze


def freeze_of(kind: str, moment: dt.datetime) -> Freeze:
    """One day on which nothing of a kind is done: that of a local moment."""
    day = moment.date()
    return Freeze.model_validate(
        {
            "id": "session",
            "name": {"vi": "Session", "en": "Session"},
            "kinds": [kind],
            "since": day,
            "until": day,
            "reason": "a test",
            "owner": "science-technology",
            "source": "A",
        }
    )
