"""One certificate as the province's list knows it: what is public in it, and no more of its holder than a name."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Self

from pydantic import StringConstraints, model_validator

from province.fleet.fact import Fact, NonBlank

SOON_DAYS = (30, 60, 90)
"""The steps in which certificates that end soon are counted: renewal by the national authority takes weeks."""


class Kind(StrEnum):
    """Whose signature it makes."""

    PERSONAL = "personal"
    ORGANISATION = "organisation"


class Signature(Fact):
    """One certificate. `serial` as its issuer writes it, in hexadecimal digits; `ends` is its last day."""

    serial: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{8,40}$", to_upper=True)]
    kind: Kind
    holder: NonBlank
    unit: NonBlank
    issuer: NonBlank
    begins: dt.date
    ends: dt.date

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ends < self.begins:
            raise ValueError("`ends` is before `begins`")
        return self

    def days_left(self, today: dt.date) -> int:
        """Whole days after today on which it is valid; negative when it is over."""
        return (self.ends - today).days


COLUMNS = tuple(Signature.model_fields)
