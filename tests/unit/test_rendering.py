"""A manifest is rendered when somebody needs it, and not to find out what is known already."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.remembered import Known, Memory
from province.manifest.rendering import Rendering
from province.manifest.trust import stand_in

HOST = "phu-quoc-people"


class Counting(Builder):
    """A builder that says what it was asked to build."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet, stand_in(fleet))
        self.built: list[tuple[str, tuple[str, ...]]] = []

    def build(self, host: Host, only: Collection[str] = ()) -> Manifest:
        self.built.append((host.name, tuple(only)))
        return super().build(host, only)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("lab")


def test_what_an_earlier_run_rendered_is_only_rendered_for_a_host_that_asks_for_it(
    fleet: Fleet, tmp_path: Path
) -> None:
    memory = Memory(tmp_path / "manifests.json")
    first = Rendering(Counting(fleet), memory, ("time",))
    known = first.known(HOST)
    first.save()
    builder = Counting(fleet)
    again = Rendering(builder, Memory(tmp_path / "manifests.json"), ("time",))
    assert again.known(HOST) == known
    assert builder.built == []
    assert [part["capability"] for part in again.desired(HOST)["parts"]] == ["time"]  # type: ignore[attr-defined]
    assert builder.built == [(HOST, ("time",))]


def test_a_part_is_another_thing_than_the_whole_and_the_whole_is_rendered_once(fleet: Fleet) -> None:
    builder = Counting(fleet)
    memory = Memory(None)
    part = Rendering(builder, memory, ("time",)).known(HOST)
    whole = Rendering(builder, memory)
    assert whole.known(HOST) != part
    assert whole.known(HOST) == Known.of(whole.whole(HOST))
    assert builder.built == [(HOST, ()), (HOST, ("time",)), (HOST, ())]
