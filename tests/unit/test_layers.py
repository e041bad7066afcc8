"""Every layer of a cluster has its program, and no program is left without a layer."""

from __future__ import annotations

from infra.programs import PROGRAMS
from province.fleet.layer import LAYERS


def test_layers_and_programs_are_the_same() -> None:
    assert tuple(PROGRAMS) == LAYERS
