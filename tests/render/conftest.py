"""Manifests of one host of each class, rendered from the model with anchors that no key belongs to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import stand_in

Render = Callable[[str, str], Manifest]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture(scope="session")
def render() -> Render:
    """The manifest of a host by environment and name."""
    builders: dict[str, Builder] = {}

    def build(environment: str, name: str) -> Manifest:
        if environment not in builders:
            fleet = load_fleet(environment)
            builders[environment] = Builder(fleet, stand_in(fleet))
        fleet = builders[environment].fleet
        hosts = {host.name: host for host in (*fleet.nodes, *fleet.hosts.values())}
        return builders[environment].build(hosts[name])

    return build
