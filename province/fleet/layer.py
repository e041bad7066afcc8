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

LAYERS: tuple[str, ...] = (CLUSTER, PLATFORM, *SYSTEMS)
"""Every layer, lowest first: what is declared in one may rest on those before it."""


def rests_on(layer: str) -> tuple[str, ...]:
    """The layers that must stand before this one: those before it, but systems rest on none of each other."""
    before = LAYERS[: LAYERS.index(layer)]
    return tuple(name for name in before if name not in SYSTEMS)
