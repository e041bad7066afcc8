"""Meeting rooms at the ends of the lines: what stands in them, as far as somebody has told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt

from province.fleet.fact import Body, FeatureId, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.row import Row


class EndpointKind(StrEnum):
    """What joins a meeting from a room."""

    CODEC = "codec"
    """A device made for it, with its own camera and microphones."""
    COMPUTER = "computer"


class MeetingRoom(Row):
    """The room of a body in a commune. `endpoints` stand in its zone of video; `seats` are those of the room."""

    id: Slug
    commune: Annotated[str, Field(pattern=r"^\d{5}$")]
    body: Body
    kind: EndpointKind
    endpoints: PositiveInt = 1
    seats: PositiveInt
    source: SourceRef
    verified: bool = False
    features: tuple[FeatureId, ...] = ()


def check_meeting_rooms(
    rooms: Iterable[MeetingRoom], *, most: int, communes: Collection[str], file: str
) -> Iterator[Finding]:
    """Rooms stand in communes that are there, and no body has more endpoints than video counts on (`most`)."""
    counted: Counter[tuple[str, Body]] = Counter()
    for one in rooms:
        yield from unresolved(file, f"rows.{one.id}.commune", one.commune, communes, "commune")
        counted[one.commune, one.body] += one.endpoints
        if counted[one.commune, one.body] > most:
            problem = f"{counted[one.commune, one.body]} endpoints of one body, and `video.room_endpoints` is {most}"
            yield Finding(file, f"rows.{one.id}.endpoints", str(one.endpoints), problem, "raise room_endpoints")
