"""One row of a register: what tells it from the others, and under which status it is counted."""

from __future__ import annotations

from province.fleet.fact import Fact


class Row(Fact):
    """One row of a register; `key` tells it from the others."""

    @property
    def key(self) -> str:
        """What identifies the row: its id, scope or number."""
        values = (getattr(self, name, None) for name in ("id", "scope", "number"))
        return next(str(value) for value in values if value is not None)

    @property
    def counted_as(self) -> str:
        """Under which status the row is counted; empty when it has none."""
        return str(getattr(self, "status", ""))
