"""One incident as its timeline tells it: what holds now, and what was said when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from province.incident.entry import Closed, Gravity, Later, Noted, Notice, Opened, Sent
from province.incident.timeline import Timeline, broken


@dataclass(frozen=True)
class Incident:
    """An incident or exercise. `head` is the last hash of its file, `torn` how many bytes of a killed writer follow."""

    opened: Opened
    later: tuple[Later, ...]
    head: str
    torn: int = 0

    @property
    def id(self) -> str:
        """Its id, which says whether it is an exercise."""
        return self.opened.incident

    @property
    def gravity(self) -> Gravity:
        """How grave it was last said to be."""
        said = (one.gravity for one in reversed(self.later) if isinstance(one, Noted) and one.gravity)
        return next(said, self.opened.gravity)

    @property
    def closed(self) -> Closed | None:
        """Its end, if it came to one."""
        return next((one for one in self.later if isinstance(one, Closed)), None)

    @property
    def public_notes(self) -> tuple[Noted, ...]:
        """The lines of the timeline that drafts repeat."""
        return tuple(one for one in self.later if isinstance(one, Noted) and one.public)

    def sent(self, notice: Notice) -> Sent | None:
        """The first time that a report was sent, if it was."""
        found = (one for one in self.later if isinstance(one, Sent) and one.notice is notice)
        return min(found, key=lambda one: one.sent, default=None)


def incident_of(path: Path, timeline: Timeline) -> Incident | None:
    """What a file tells; None for one whose first line was never finished. ProvinceError for an impossible order."""
    if not timeline.entries:
        return None
    opened, *rest = timeline.entries
    if not isinstance(opened, Opened) or opened.incident != path.stem:
        raise broken(path, 1, f"is not the opening of {path.stem}")
    later: list[Later] = []
    for number, one in enumerate(rest, start=2):
        if isinstance(one, Opened):
            raise broken(path, number, "opens what is open already")
        later.append(one)
    return Incident(opened, tuple(later), timeline.head, timeline.torn)
