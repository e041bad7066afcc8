"""The communes on a map: a point for each one, from the coordinates of the model; no outside tiles, no outline.

The projection keeps lengths along the middle latitude (equirectangular), which is close enough for one province.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import cos, radians

from province.fleet.commune import Commune

WIDTH = 960.0
MARGIN = 24.0
RADIUS = 8.5


@dataclass(frozen=True)
class Point:
    """A commune at its place in the drawing, in units of its view box."""

    code: str
    name: str
    x: float
    y: float
    state: str
    island: bool


@dataclass(frozen=True)
class Map:
    """The drawing: its size and the communes in it, from north to south."""

    width: float
    height: float
    radius: float
    points: tuple[Point, ...]


def draw(communes: Iterable[Commune], states: Mapping[str, str]) -> Map:
    """Place the communes; `states` has the state of each by its code. Without a commune the drawing is empty."""
    wanted = sorted(communes, key=lambda commune: -commune.location.lat)
    if not wanted:
        return Map(WIDTH, 0.0, RADIUS, ())
    lats = [one.location.lat for one in wanted]
    lons = [one.location.lon for one in wanted]
    narrow = cos(radians((max(lats) + min(lats)) / 2))
    scale = (WIDTH - 2 * MARGIN) / (((max(lons) - min(lons)) * narrow) or 1.0)
    height = (max(lats) - min(lats)) * scale + 2 * MARGIN
    points = tuple(
        Point(
            code=one.code,
            name=one.name,
            x=round(MARGIN + (one.location.lon - min(lons)) * narrow * scale, 1),
            y=round(MARGIN + (max(lats) - one.location.lat) * scale, 1),
            state=states[one.code],
            island=one.location.island,
        )
        for one in wanted
    )
    return Map(WIDTH, round(height, 1), RADIUS, points)
