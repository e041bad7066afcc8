"""What every fact of the model is made of: a frozen base class and types that cannot hold nonsense."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Fact(BaseModel):
    """A statement about the province: frozen, complete, and without a key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
"""A name for machines: lower-case ASCII words joined by hyphens, fit for DNS (RFC 1123)."""

DomainName = Annotated[str, StringConstraints(pattern=r"^([a-z0-9-]+\.)+[a-z]+$", max_length=200)]

DeviceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=15)]
"""A Linux network device: at most 15 characters (IFNAMSIZ)."""

SourceRef = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{0,2}[a-z]?$")]
"""Where a fact comes from: an id of `sources.yml`."""

FeatureId = Annotated[int, Field(ge=1)]
"""A row of the mission in `features.yml`."""

ControlId = Annotated[int, Field(ge=1)]
"""A row of the security controls in `controls.yml`."""

Port = Annotated[int, Field(ge=1, le=65535)]
Percent = Annotated[float, Field(ge=0, le=100)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


def _name_in_vietnamese(value: str) -> str:
    if value != value.strip() or not value:
        raise ValueError("must be a name without blanks at its ends")
    return value


NonBlank = Annotated[str, AfterValidator(_name_in_vietnamese)]
"""Text that is there and has no blanks at its ends."""


class Names(Fact):
    """What people call a thing, in both languages of the interface."""

    vi: NonBlank
    en: NonBlank

    def in_language(self, language: str) -> str:
        """The Vietnamese name for `vi`, else the English one."""
        return self.vi if language == "vi" else self.en


class Location(Fact):
    """A point on the map in WGS 84 degrees; good for maps and distance checks, not for surveying."""

    lat: Latitude
    lon: Longitude
    island: bool = False


class Period(StrEnum):
    """In what time something was counted."""

    SECOND = "second"
    HOUR = "busiest hour"
    DAY = "day"
    WORKING_DAY = "working day"
    TWO_MONTHS = "two months"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def phrase(self) -> str:
        """How it follows a unit: `a quarter`, `in the busiest hour`."""
        return f"in the {self.value}" if self is Period.HOUR else f"a {self.value}"


class Figure(Fact):
    """A number somebody published. Figures of different scopes or periods are never added.

    `scope` says whose it is (for example the old province's), `per` in what time it was counted (null for what stands
    still, such as accounts), `date` when. `province.fleet.sizing` refuses to mix them.
    """

    value: float
    unit: NonBlank
    scope: NonBlank
    per: Period | None = None
    source: SourceRef
    date: dt.date | None = None
    verified: bool = False


class Body(StrEnum):
    """The two bodies of a commune; each has its own line, node and routing domain."""

    PARTY = "party"
    PEOPLE = "people"


class RoutingDomain(StrEnum):
    """Address space that never leaks into another: who may talk to whom at all."""

    GOVERNMENT = "government"
    PARTY = "party"


def dump(fact: BaseModel) -> dict[str, Any]:
    """The fact as plain JSON values, for `--json` and for programs that do not import the model."""
    return fact.model_dump(mode="json")
