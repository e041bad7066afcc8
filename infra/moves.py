"""The moves of the old machine rooms as a cluster sees them: room, site, and what is declared of each by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from infra.components.storage_classes import storage_class
from infra.marks import Marks, marks_of, vocabulary
from province.fleet.fleet import Fleet
from province.fleet.migration import MigrationWave, Move
from province.fleet.rooms import MOVES
from province.fleet.system import System
from province.migration.declared import Declared, declared

WAVE, MOVE, PHASE = "wave", "move", "phase"
"""Words, under the province's domain, for the labels by which objects of a move are found."""


SITE = "site"
"""The word for the annotation of a record that says at which site it stands."""


@dataclass(frozen=True)
class Moving:
    """One move: its wave, the system in whose room its data arrive, and the site at which they do."""

    move: Move
    wave: MigrationWave
    room: System
    site: str
    declared: Declared

    @property
    def storage_class(self) -> str:
        """The class of its volumes: its room's."""
        return storage_class(self.room)


def moves_of(fleet: Fleet) -> Mapping[str, Moving]:
    """Every move by its id, in the order of waves; what goes to no system goes to the room of the move itself."""
    plan = fleet.migration
    found: dict[str, Moving] = {}
    for wave in plan.waves.values() if plan else ():
        for move in plan.moves_of(wave.id) if plan else ():
            room = fleet.systems[move.system] if move.system else fleet.platform[MOVES]
            found[move.id] = Moving(move, wave, room, _site(fleet, room), declared(wave.phase, move.method))
    return MappingProxyType(found)


def marks_of_move(one: Moving, fleet: Fleet, room: System | None = None) -> Marks:
    """The marks of what is declared for a move: those of the room it stands in, and where the move is by now."""
    words = vocabulary(fleet)
    marks = marks_of(room or one.room, fleet)
    labels = {
        words.key(WAVE): str(one.wave.id),
        words.key(MOVE): one.move.id,
        words.key(PHASE): one.wave.phase.value,
    }
    said = {words.key("move-declared-in"): fleet.origins[f"moves/{one.move.id}"]}
    return Marks(MappingProxyType({**marks.labels, **labels}), MappingProxyType({**marks.annotations, **said}))


def _site(fleet: Fleet, room: System) -> str:
    """Where data arrive: at the primary site, if the system runs there; the recovery site follows it by copies."""
    return next(
        (site.id for site in fleet.data_centres if site.purpose in room.placed_in(fleet.tiers)), fleet.primary_site.id
    )
