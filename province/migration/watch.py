"""When a move goes back by itself: its trigger's figure, over the threshold of the model for as long as that says.

What nobody can measure is neither fine nor over: it brings nothing back, and the watch says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from province.errors import ExitCode, ProvinceError
from province.fleet.migration import Move, Phase, Trigger
from province.migration.conduct import Order

WATCHED = frozenset({Phase.CUT_OVER, Phase.SOAKING})
"""Phases in which users write on the new side, and a way leads back."""


@dataclass(frozen=True)
class Seen:
    """A trigger's figure at a moment, in its unit; None when nobody could measure it, and `why`, where a side said."""

    moment: datetime
    figure: float | None
    why: str = ""


def fires(trigger: Trigger, seen: Sequence[Seen]) -> str | None:
    """Why a move goes back, by what was seen of it, the oldest first; None while it stays.

    The newest figure that was measured has to be over, and so every one measured since `minutes` ago or earlier.
    """
    measured = [(one.moment, one.figure) for one in seen if one.figure is not None]
    begun: datetime | None = None
    for moment, figure in reversed(measured):
        if figure <= trigger.over:
            break
        begun = moment
    if begun is None or measured[-1][0] - begun < timedelta(minutes=trigger.minutes):
        return None
    for_long = f" for {trigger.minutes} min" if trigger.minutes else ""
    return f"{trigger.what}: {measured[-1][1]:g} {trigger.unit}{for_long}, over {trigger.over:g}"


@dataclass
class Watch:
    """Looks at every move of a wave that users write to; `figure` measures one, None when nobody can."""

    order: Order
    phase: Callable[[Move], Phase]
    figure: Callable[[Move, Trigger], float | None]
    seen: dict[str, list[Seen]] = field(default_factory=dict)

    def look(self) -> Iterator[tuple[Move, Seen]]:
        """Measure each move that is watched, once."""
        for move in self.order.moves:
            if move.trigger is None:
                continue
            now = self.order.now()
            try:
                if self.phase(move) not in WATCHED:
                    continue
                one = Seen(now, self.figure(move, move.trigger))
            except ProvinceError as error:
                if error.exit_code is ExitCode.BAD_DATA:
                    raise
                # A line that is cut for a while ends no watch: it is said, and looked at again.
                one = Seen(now, None, error.message)
            # What is older than the trigger looks back is of no use, but for the last figure before.
            before = self.seen.get(move.id, [])
            kept = [old for old in before if now - old.moment <= 2 * timedelta(minutes=move.trigger.minutes)]
            self.seen[move.id] = [*kept, one]
            yield move, one

    def why(self) -> str | None:
        """Why the wave goes back: the first move whose trigger fires; a wave goes live together, and back together."""
        for move in self.order.moves:
            if move.trigger and (said := fires(move.trigger, self.seen.get(move.id, ()))):
                return f"{move.id}: {said}"
        return None
