"""How many lines wait for a collector follows from the model, and a queue that could not work is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet

from .conftest import Edit


def test_the_queue_holds_72_hours_of_what_a_host_says(fleet: Fleet) -> None:
    """240 MB by hand: three days of 40 MB, twice over."""
    rules = fleet.province.logs
    assert rules.hours >= 72
    assert rules.queue_mib == 229
    assert rules.queue_mib * 1024 * 1024 >= 240_000_000


def test_a_disk_that_is_asked_for_every_few_lines_is_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "memory_lines: 500", "memory_lines: 10")
    with pytest.raises(BadData) as caught:
        load_fleet("lab", data)
    assert str(caught.value).startswith("inventories/fleet/province.yml\n  logs: memory_lines 10 is less than twice")
