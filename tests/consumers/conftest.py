"""Fixtures that several files of tests share: nodes that pull, and the doors at both sites."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from tests.unit.node_in_folder import HostInFolder, node_side

from .copies_servers import Copies, at_work
from .pull_nodes import NODE, Puller, equip, keys, puller

guard = node_side("guard")


@pytest.fixture(scope="package")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copies]:
    """Both sites with the doors at which nodes ask for bundles."""
    with at_work(Copies(load_fleet("lab"), tmp_path_factory.mktemp("pull"))) as made:
        equip(made)
        yield made


@pytest.fixture(scope="package")
def first_day(doors: Copies) -> Puller:
    """A node on which a controller was."""
    return puller(doors, NODE, keys(doors.place / "keys", doors.fleet.environment.automation.name))


@pytest.fixture
def away(first_day: Puller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Puller]:
    """The node as it was two days after its controller left; whoever runs the tests by SSH is none."""
    monkeypatch.setattr(guard, "connection", lambda: "")
    shutil.copytree(first_day.node.root, tmp_path / "node", symlinks=True)
    yield Puller(first_day.copies, first_day.node, HostInFolder(tmp_path / "node"), first_day.signer)
    for site in first_day.copies.sites.values():
        (site.place / "bundles" / NODE).unlink(missing_ok=True)
