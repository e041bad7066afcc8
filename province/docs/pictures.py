"""The systems as Mermaid diagrams: the province as a whole, and the neighbours of one pillar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from province.docs.flow_rows import FlowRow, Place
from province.fleet.system import EndKind, Pillar

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

PLATFORM = "platform"
"""Where the parts of the platform are drawn."""


def group_of(fleet: Fleet, system: str) -> str:
    """The pillar of a system; the parts of the platform are a group of their own."""
    found = fleet.systems.get(system)
    return found.pillar.value if found else PLATFORM


def context(fleet: Fleet, rows: Iterable[FlowRow]) -> list[str]:
    """The province: users' zones, the pillars, the systems of others, and how many flows there are between them."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        ends = tuple(_box(fleet, end) for end in (row.origin, row.target))
        if ends[0] != ends[1]:
            counts[ends[0], ends[1]] += 1
    lines = ["flowchart LR", *(f"  {line}" for line in _boxes(fleet, {box for pair in counts for box in pair}))]
    lines += [f"  {origin} -- {count} --> {target}" for (origin, target), count in sorted(counts.items())]
    return _drawn(lines)


def neighbours(fleet: Fleet, pillar: Pillar, rows: Iterable[FlowRow]) -> list[str]:
    """A pillar: its systems, and what each asks of whom outside of itself; other pillars are a box each."""
    names: dict[str, str] = {}
    arrows: dict[tuple[str, str], None] = {}
    for row in rows:
        ours = [end.kind is EndKind.SYSTEM and group_of(fleet, end.name) == pillar for end in (row.origin, row.target)]
        if not any(ours) or not row.crosses:
            continue
        ends = []
        for end, inside in zip((row.origin, row.target), ours, strict=True):
            box, text = (f"s-{end.name}", end.name) if inside else _neighbour(fleet, end)
            names[box] = text
            ends.append(box)
        arrows[ends[0], ends[1]] = None
    boxes = [f'  {box}["{text}"]' for box, text in sorted(names.items())]
    return _drawn(["flowchart LR", *boxes, *(f"  {origin} --> {target}" for origin, target in sorted(arrows))])


def _neighbour(fleet: Fleet, end: Place) -> tuple[str, str]:
    if end.kind is EndKind.EXTERNAL:
        return f"e-{end.name}", f"{end.name} (of others)"
    if end.kind is EndKind.ZONE:
        return f"z-{end.name}", f"zone {end.name}"
    group = group_of(fleet, end.name)
    return f"p-{group}", f"pillar {group}"


def _box(fleet: Fleet, end: Place) -> str:
    if end.kind is EndKind.EXTERNAL:
        return "others"
    return f"z-{end.name}" if end.kind is EndKind.ZONE else f"p-{group_of(fleet, end.name)}"


def _boxes(fleet: Fleet, drawn: set[str]) -> Iterator[str]:
    zones = {zone.id: zone.name for zone in fleet.province.commune_zones}
    zones |= {zone.id: zone.name for zone in fleet.province.site_zones}
    names = {f"z-{id_}": f"{name.en}<br/>{name.vi}" for id_, name in zones.items()}
    names["others"] = f"systems of others<br/>{len(fleet.endpoints)} endpoints"
    for group in (*(pillar.value for pillar in Pillar), PLATFORM):
        its = [one for one in (*fleet.systems, *fleet.platform) if group_of(fleet, one) == group]
        names[f"p-{group}"] = f"{group}<br/>{len(its)} systems"
    for box in sorted(drawn):
        yield f'{box}["{names[box]}"]'


def _drawn(lines: list[str]) -> list[str]:
    return ["```mermaid", *lines, "```"]
