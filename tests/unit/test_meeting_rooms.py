"""Rooms that nobody could join from are refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.findings import BadData
from province.fleet.load import load_fleet

from .conftest import Edit

FILE = "fleet/registers/meeting-rooms.yml"


def test_a_room_in_no_commune_is_refused(data: Path, edit: Edit) -> None:
    edit(FILE, 'id: phu-quoc-people,   commune: "31078"', 'id: phu-quoc-people,   commune: "31079"')
    with pytest.raises(BadData, match=r"rows\.phu-quoc-people\.commune: no such commune"):
        load_fleet("lab", data)


def test_more_endpoints_than_the_line_was_counted_for_are_refused(data: Path, edit: Edit) -> None:
    """The relays have ports for so many, and the line has its share for so many."""
    edit(FILE, "kind: codec,    seats: 40", "kind: codec, endpoints: 2, seats: 40")
    with pytest.raises(BadData, match=r"2 endpoints of one body, and `video\.room_endpoints` is 1"):
        load_fleet("lab", data)
