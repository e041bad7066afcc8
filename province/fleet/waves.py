"""Which node changes in which stage of a roll-out.

Both bodies of a commune are never in the same wave, so that a bad change leaves every commune one working node;
islands come last, because a boat is the way back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from province.fleet.commune import Commune
from province.fleet.fact import Body
from province.fleet.rollout import WaveStage

NodeKey = tuple[str, Body]


@dataclass(frozen=True)
class Wave:
    """A numbered set of nodes that change together."""

    number: int
    stage: str
    nodes: tuple[NodeKey, ...]


def plan_waves(communes: Mapping[str, Commune], stages: Iterable[WaveStage]) -> tuple[Wave, ...]:
    """All nodes in waves: the declared stages over the mainland, then its rest, then the islands."""
    islands = [code for code in communes if communes[code].location.island]
    return waves_of([(code, body) for code in communes for body in Body], islands, stages)


def waves_of(nodes: Collection[NodeKey], islands: Collection[str], stages: Iterable[WaveStage]) -> tuple[Wave, ...]:
    """Any set of nodes in waves; a wave without a node is left out.

    Communes are taken in an order that has nothing to do with geography (a hash of the code), so a stage spreads
    over the province; within a stage the bodies alternate. Where only islands change, they have the stages.
    """
    bodies = {code: [body for body in Body if (code, body) in nodes] for code in {code for code, _ in nodes}}
    ordered = sorted(bodies, key=_shuffled)
    late = [code for code in ordered if code in islands]
    early = [code for code in ordered if code not in islands]
    if not early:
        early, late = late, []
    chosen: list[tuple[str, tuple[NodeKey, ...]]] = []
    queue = iter(early)
    for stage in stages:
        size = stage.nodes or ceil(len(nodes) * (stage.percent or 0) / 100)
        picked = zip(range(size), queue, strict=False)
        chosen.append((stage.id, tuple((code, bodies[code][place % len(bodies[code])]) for place, code in picked)))
    taken = {node for _, picked in chosen for node in picked}
    for stage_id, codes in (("rest", early), ("islands", late)):
        left = [(code, body) for code in codes for body in bodies[code] if (code, body) not in taken]
        chosen += [(f"{stage_id}-{body}", tuple(node for node in left if node[1] is body)) for body in Body]
    filled = [(stage_id, picked) for stage_id, picked in chosen if picked]
    return tuple(Wave(number, stage_id, picked) for number, (stage_id, picked) in enumerate(filled, start=1))


def wave_numbers(waves: Iterable[Wave]) -> dict[NodeKey, int]:
    """The number of each node's wave."""
    return {node: wave.number for wave in waves for node in wave.nodes}


def _shuffled(code: str) -> str:
    return sha256(code.encode()).hexdigest()
