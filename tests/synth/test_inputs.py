"""The figure of a stack's inputs: the same in every run, another as soon as anything is registered otherwise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pytest

from infra.cluster_access import NOT_BUILT, NOT_BUILT_KUBECONFIG, Identity
from infra.components.move_passages import reached
from infra.components.storage_classes import provisioner_of, storage_classes
from infra.inputs import configuration, digest_of, inputs
from infra.moves import moves_of
from infra.recorder import requests
from infra.stack import StackName
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, LAYERS, MIGRATION
from province.fleet.load import inventories_root, load_fleet
from province.fleet.site import Site

TODAY = date(2026, 11, 25)
NOWHERE = Identity(NOT_BUILT_KUBECONFIG, NOT_BUILT)
Digests = dict[str, object]


def digests(fleet: Fleet, identity: Identity = NOWHERE) -> Digests:
    """The figure of every stack of every site."""
    found = {name: one for site in fleet.data_centres for name, one in inputs(fleet, site, identity, TODAY).items()}
    assert len(found) == len(LAYERS) * len(fleet.data_centres)
    return {name: one["digest"] for name, one in found.items()}


def changed(before: Digests, after: Digests) -> set[str]:
    return {name for name, digest in after.items() if before[name] != digest}


@pytest.fixture(scope="module")
def figures() -> Digests:
    """Every stack's figure as the model is."""
    return digests(load_fleet("lab"))


def renamed(folder: Path, system: str) -> Fleet:
    """The model in another checkout, where one system has another name."""
    root = folder / "inventories"
    shutil.copytree(inventories_root(), root, ignore=shutil.ignore_patterns("descriptors"))
    path = root / "fleet" / "systems" / f"{system}.yml"
    name = load_fleet("lab").systems[system].name.vi
    path.write_text(path.read_text(encoding="utf-8").replace(name, f"{name} mới"), encoding="utf-8")
    return load_fleet("lab", root)


def holding(fleet: Fleet, system: str) -> set[str]:
    """The stacks that hold a system's room, its own class of volumes, or what a move needs in its room."""
    held = {CLUSTER: classes, MIGRATION: moving_in}
    return {
        f"{fleet.environment.id}.{site.id}.{layer}"
        for site in fleet.data_centres
        for layer in LAYERS
        if system in {room.id for room in fleet.rooms_at(site, layer)} | held.get(layer, nothing)(fleet, site)
    }


def nothing(_fleet: Fleet, _site: Site) -> set[str]:
    return set()


def moving_in(fleet: Fleet, site: Site) -> set[str]:
    """The systems in whose rooms a move has a volume or a passage by now."""
    moves = (one for one in moves_of(fleet).values() if one.site == site.id)
    return {one.room.id for one in moves if one.declared.has_volume or (one.declared.ways and reached(one, fleet))}


def classes(fleet: Fleet, site: Site) -> set[str]:
    """The systems whose volumes have a class of their own at a site."""
    return {one.id for one in storage_classes(fleet, site).values() if one} if provisioner_of(site) else set()


@pytest.mark.parametrize("system", ["e-office", "identity"])
def test_a_change_of_one_system_changes_exactly_the_stacks_that_hold_it(
    figures: Digests, tmp_path: Path, system: str
) -> None:
    fleet = renamed(tmp_path, system)
    assert fleet.systems[system].name.vi.endswith(" mới")
    assert changed(figures, digests(fleet)) == holding(fleet, system) != set()


def test_another_cluster_changes_every_stack(figures: Digests) -> None:
    other = Identity(NOT_BUILT_KUBECONFIG, "5b8a4082-459f-4e7e-8a19-d8ecc9d2ef18")
    assert changed(figures, digests(load_fleet("lab"), other)) == set(figures)


def test_the_figure_is_the_same_in_every_run() -> None:
    """Sets have another order in every process."""
    found = []
    for seed in ("1", "2"):
        words = [sys.executable, "-m", "infra.inputs", "production", "long-xuyen"]
        variables = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(words, env=variables, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert all(one["resources"] > 1 for one in found[0].values())


def made(**options: Any) -> str:
    """The figure of a program that registers two objects, one with these options."""

    def program() -> None:
        first = pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "first", {"data": {"a": "b"}})
        own: dict[str, Any] = {"depends_on": [first], **options}
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "second", {}, pulumi.ResourceOptions(**own))

    return digest_of(requests("a.b.c", program), ())


@pytest.mark.parametrize(
    "options",
    [
        {"protect": True},
        {"retain_on_delete": True},
        {"ignore_changes": ["data"]},
        {"delete_before_replace": True},
        {"depends_on": []},
        {"version": "4.0.0"},
        {"custom_timeouts": pulumi.CustomTimeouts(create="1m")},
    ],
    ids=lambda options: next(iter(options)),
)
def test_every_option_counts(options: dict[str, Any]) -> None:
    assert made() == made()
    assert made(**options) != made()


def test_the_order_of_registrations_and_the_place_in_the_source_do_not_count() -> None:
    class Room(pulumi.ComponentResource):
        """Pulumi notes the place in the source for classes of our own."""

        def __init__(self) -> None:
            super().__init__("province:test:Room", "room")

    def one() -> None:
        Room()
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "a", {"data": {"x": "1", "y": "2"}})
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "b", {})

    def other() -> None:
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "b", {})
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "a", {"data": {"y": "2", "x": "1"}})
        Room()

    assert digest_of(requests("a.b.c", one), ()) == digest_of(requests("a.b.c", other), ())


def test_what_stands_behind_the_program_counts() -> None:
    assert digest_of([], ["provider 1"]) != digest_of([], ["provider 2"])


def test_a_program_that_asks_the_outside_world_has_no_figure() -> None:
    """Nobody could say beforehand what it will declare."""

    def program() -> None:
        pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "a", None, pulumi.ResourceOptions(id="default/there"))

    with pytest.raises(Exception, match="reads what others made"):
        requests("a.b.c", program)


def test_only_what_a_stacks_file_configures_counts(tmp_path: Path) -> None:
    fleet, stack = renamed(tmp_path, "e-office"), StackName("lab", "rach-gia", "cluster")
    file = tmp_path / "infra" / "stacks" / f"Pulumi.{stack}.yaml"
    file.parent.mkdir(parents=True)
    assert configuration(fleet, stack) == "null"
    file.write_text("encryptionsalt: v1:abc\n", encoding="utf-8")
    assert configuration(fleet, stack) == "null"
    file.write_text("config: {province:pace: fast}\n", encoding="utf-8")
    assert configuration(fleet, stack) == '{"province:pace": "fast"}'
