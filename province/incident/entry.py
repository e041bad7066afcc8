"""What a timeline is made of: one entry says that an incident was opened, noted on, reported, or closed.

An incident and an exercise have the same entries. The id begins with which of the two it is, so that a line, a file, a
draft or a message always tells.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, model_validator

from province.fleet.commune import CommuneCode
from province.fleet.fact import Fact, Slug
from province.incident.clock import Moment
from province.incident.minimised import identifiers

INCIDENT, EXERCISE = "incident", "exercise"
LONGEST = 4000
"""Characters of one text; what is longer belongs into a file that the text names."""

IncidentId = Annotated[str, StringConstraints(pattern=rf"^({INCIDENT}|{EXERCISE})-\d{{4}}-\d{{4}}$")]
"""Which of the two, the local year in which it was opened, and its number in that year."""


def _said(value: str) -> str:
    if value != value.strip() or not value:
        raise ValueError("must be text without blanks at its ends")
    return value


Text = Annotated[str, StringConstraints(max_length=LONGEST), AfterValidator(_said)]
"""Text that is there and can be written down."""


def _without_identifiers(value: str) -> str:
    if found := identifiers(value):
        raise ValueError(f"goes to others, but holds {' and '.join(found)}: say it without")
    return value


PublicText = Annotated[Text, AfterValidator(_without_identifiers)]
"""Text that drafts and reports repeat: nothing in it may lead to a citizen."""


class Gravity(StrEnum):
    """How grave it is. Only a serious incident has terms (Decree 331/2026, through source R1).

    Whether one is serious is for people to say; the note or opening that says so gives the reason.
    """

    ORDINARY = "ordinary"
    SERIOUS = "serious"


class Layer(StrEnum):
    """Which of the four layers of protection found it (Directive 14/CT-TTg, as 1552/BTTTT-CATTT lists them)."""

    ON_SITE = "on-site"
    MONITORING = "monitoring"
    EXAMINATION = "examination"
    NATIONAL = "national"


class Notice(StrEnum):
    """The two reports to the national centre."""

    FIRST = "first"
    CAUSE = "cause"


class Opened(Fact):
    """The first entry. `what` is repeated in drafts; `reporter` and `reason` never leave this register.

    Hosts, systems and communes are names of the model as it was then; `detected` is what the terms count from.
    """

    kind: Literal["opened"] = "opened"
    incident: IncidentId
    environment: str
    time: Moment
    by: Text
    gravity: Gravity
    layer: Layer
    what: PublicText
    hosts: tuple[Slug, ...] = ()
    systems: tuple[Slug, ...] = ()
    communes: tuple[CommuneCode, ...] = ()
    detected: Moment
    reporter: Text
    reason: Text

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not (self.hosts or self.systems or self.communes):
            raise ValueError("names neither a host, nor a system, nor a commune")
        if self.detected > self.time:
            raise ValueError("was detected after it was opened")
        return self

    @property
    def exercise(self) -> bool:
        """Whether it only was played."""
        return self.incident.startswith(EXERCISE)


class Noted(Fact):
    """A line of the timeline. `public` lines stand in the drafts, too; `gravity` is set where it changes."""

    kind: Literal["noted"] = "noted"
    time: Moment
    by: Text
    text: Text
    public: bool = False
    gravity: Gravity | None = None

    @model_validator(mode="after")
    def _minimised(self) -> Self:
        if self.public:
            _without_identifiers(self.text)
        return self


class Sent(Fact):
    """That a report left the house: when, and under which number of the outgoing mail."""

    kind: Literal["sent"] = "sent"
    time: Moment
    by: Text
    notice: Notice
    sent: Moment
    reference: Text


class Closed(Fact):
    """The end: why it happened, and what was done so that it does not happen again. Terms run on."""

    kind: Literal["closed"] = "closed"
    time: Moment
    by: Text
    cause: PublicText
    remedy: PublicText


Later = Noted | Sent | Closed
Entry = Opened | Later
ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Opened | Noted | Sent | Closed, Field(discriminator="kind")])
