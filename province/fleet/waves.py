"""Which node changes in which stage of a roll-out.

Both bodies of a commune are never in the same wave, so that a bad change leaves every commune one working node;
islands come last, because a boat is the way back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from province.fleet.commune import Commune
from province.fleet.fact import Body
from province.fleet.province import WaveStage

NodeKey = tuple[str, Body]


@dataclass(frozen=True)
class Wave:
    """A numbered set of nodes that change together."""

    number: int
    stage: str
    nodes: tuple[NodeKey, ...]


def plan_waves(communes: Mapping[str, Commune], stages: Iterable[WaveStage]) -> tuple[Wave, ...]:
    """All nodes in waves: the declared stages over the mainland, then its rest, then the islands.

    Communes are taken in an order that has nothing to do with geography (a hash of the code), so a stage spreads
    over the province; within a stage the bodies alternate.
    """
    mainland = sorted((code for code in communes if not communes[code].location.island), key=_shuffled)
    islands = sorted((code for code in communes if communes[code].location.island), key=_shuffled)
    total = len(Body) * len(communes)
    waves: list[Wave] = []
    taken: set[NodeKey] = set()
    queue = iter(mainland)
    for stage in stages:
        size = stage.nodes or ceil(total * (stage.percent or 0) / 100)
        picked = [(code, list(Body)[place % 2]) for place, code in zip(range(size), queue, strict=False)]
        taken.update(picked)
        waves.append(Wave(len(waves) + 1, stage.id, tuple(picked)))
    for stage_id, codes in (("rest", mainland), ("islands", islands)):
        for body in Body:
            left = tuple((code, body) for code in codes if (code, body) not in taken)
            if left:
                waves.append(Wave(len(waves) + 1, f"{stage_id}-{body}", left))
    return tuple(waves)


def wave_numbers(waves: Iterable[Wave]) -> dict[NodeKey, int]:
    """The number of each node's wave."""
    return {node: wave.number for wave in waves for node in wave.nodes}


def _shuffled(code: str) -> str:
    return sha256(code.encode()).hexdigest()
