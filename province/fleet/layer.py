"""The layers of a cluster: what `pulumi up` declares together, in the order in which one builds on the other.

Each layer of a site is a stack of its own, `<environment>.<site>.<layer>`: small enough to be read, planned and
repaired alone.
"""

from __future__ import annotations

from province.fleet.system import Pillar

CLUSTER = "cluster"
"""What belongs to no namespace: nodes, classes, how fairly the API server is shared, who may declare what."""

PLATFORM = "platform"
"""The rooms of what the cluster runs for all systems."""

SYSTEMS = {f"systems-{pillar}": pillar for pillar in Pillar}
"""The systems of each pillar: they rest on the two layers below and on none of each other."""

MIGRATION = "migration"
"""The move of old machine rooms: what the systems need beside their own for as long as they move."""

LAYERS: tuple[str, ...] = (CLUSTER, PLATFORM, *SYSTEMS, MIGRATION)
"""Every layer, lowest first: what is declared in one may rest on those before it."""


def rests_on(layer: str) -> tuple[str, ...]:
    """The layers that must stand before this one: those before it, but none rests on systems.

    A move needs only the room of its system, and rooms outlive the stacks that made them.
    """
    before = LAYERS[: LAYERS.index(layer)]
    return tuple(name for name in before if name not in SYSTEMS)
