"""Work that people do again and again and that a control asks for: how often, and the record of the last time.

A record is a file that is kept; its SHA-256 stands here, so that the file cannot be another one when it is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import PositiveInt, StringConstraints, model_validator

from province.fleet.control import AppliesTo, Control
from province.fleet.fact import ControlId, Fact, Names, NonBlank, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.row import Row


class Done(Fact):
    """The last time: when, by whom, whether it succeeded, and the file that says so (path in this repository)."""

    on: dt.date
    by: NonBlank
    passed: bool
    kept_in: NonBlank
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class WorkRecord(Row):
    """One kind of work: for which control, how many days its record says something, who does it.

    `done` is null until there is a record; nothing is claimed before.
    """

    id: Slug
    control: ControlId
    name: Names
    owner: Slug
    every_days: PositiveInt
    source: SourceRef
    done: Done | None = None

    @model_validator(mode="after")
    def _stays_here(self) -> Self:
        if self.done and (self.done.kept_in.startswith("/") or ".." in self.done.kept_in.split("/")):
            raise ValueError("`kept_in` is a path inside this repository")
        return self


def check_work_records(
    records: Iterable[WorkRecord], *, controls: Mapping[int, Control], file: str
) -> Iterable[Finding]:
    """Each record is for a control that asks for work, and each such control has one."""
    asked = {number for number, control in controls.items() if AppliesTo.PROCESS in control.applies_to}
    found = set()
    for row in records:
        found.add(row.control)
        if row.control not in asked:
            mend = "name a control with `process` in applies_to"
            yield Finding(file, f"rows.{row.id}.control", str(row.control), "this control asks for no record", mend)
    for number in sorted(asked - found):
        yield Finding(
            file, "rows", str(number), "this control has no record", "add a row; `done` stays null until it is"
        )
