"""What Pulumi declares on the new platform for a move in a phase: its store and its passages, out of `on_target`.

The declared phase says how far a wave may go; hands then act between it and the one before, so what both of them need
is there. What changes while a phase lasts is the conductor's and stands in no stack (docs/adr/0038): publications,
subscriptions, slots, fences, notes, the mode of a folder, where a name leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from province.fleet.migration import Method, Phase
from province.migration.phases import FORWARD, Stream, Target, on_target


class Store(StrEnum):
    """Where on the new platform the data of a move lie."""

    OWN = "its system's own"
    """A database or queue that the stack of the system's pillar declares, whether anything moves or not."""
    VOLUME = "a volume"
    """One of the move's own, because no component of the system is delivered that would bring it."""
    HOST = "a server on a host"
    """Standbys are of the old servers' release, objects lie on storage hosts: Ansible's, not Pulumi's."""
    NONE = "none"


class Way(StrEnum):
    """A passage between pods of the new platform and the old host, by who opens connections."""

    TO_OLD = "to-old"
    FROM_OLD = "from-old"


STORES: Mapping[Method, Store] = {
    Method.LOGICAL: Store.OWN,
    Method.PHYSICAL: Store.HOST,
    Method.DUMP: Store.OWN,
    Method.FILES: Store.VOLUME,
    Method.QUEUE: Store.OWN,
    Method.MAILBOXES: Store.VOLUME,
    Method.OBJECTS: Store.HOST,
    Method.REBUILD: Store.NONE,
    Method.ARCHIVE: Store.VOLUME,
}

OPENED: Mapping[Method, Mapping[Stream, Way]] = {
    Method.LOGICAL: {Stream.THERE: Way.TO_OLD, Stream.BACK: Way.FROM_OLD},
}
"""Methods by which the two sides speak with each other, and who opens: a subscriber asks its publisher.

By the others the conductor carries what it read on one side to the other, or two hosts speak, which pods never see.
"""

REHEARSES = frozenset({Phase.REPLICATING, Phase.REHEARSED})
"""Phases in which a move may be rehearsed: there and back, between copies beside both sides."""

NO_WAY = frozenset({Phase.RETIRED, Phase.ROLLED_BACK})
"""Phases that people write down when the conductor has let both sides go: nothing passes any more."""


@dataclass(frozen=True)
class Declared:
    """What is declared for a move: the target of its phase, where its data lie by now, which ways are open."""

    target: Target
    store: Store
    ways: frozenset[Way]

    @property
    def has_volume(self) -> bool:
        """Whether the move has a volume of its own."""
        return self.store is Store.VOLUME

    @property
    def pieces(self) -> tuple[str, ...]:
        """What is declared beside the record that every move has, in words."""
        return (*(["volume"] if self.has_volume else []), *(f"passage {way}" for way in sorted(self.ways)))


def declared(phase: Phase, method: Method) -> Declared:
    """What Pulumi declares for a move whose wave may go as far as a phase."""
    target = on_target(phase, method)
    open_ = needs(phase, method) | needs(before(phase), method) if phase not in NO_WAY else frozenset()
    opened = OPENED.get(method, {})
    ways = frozenset(opened[stream] for stream in open_ if stream in opened)
    return Declared(target, STORES[method] if target.store else Store.NONE, ways)


def needs(phase: Phase, method: Method) -> frozenset[Stream]:
    """Which ways changes flow while a move stands in a phase, its rehearsals included."""
    found = {on_target(phase, method).stream}
    if phase in REHEARSES and method in OPENED:
        found |= OPENED[method].keys()
    return frozenset(found - {Stream.NONE})


def before(phase: Phase) -> Phase:
    """The phase from which hands come; the first one, and what was rolled back, come from nowhere."""
    if phase not in FORWARD:
        return phase
    return FORWARD[max(0, FORWARD.index(phase) - 1)]
