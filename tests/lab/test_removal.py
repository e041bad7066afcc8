"""The real engine takes a system out that the model no longer has: what it stored stays, and nothing else changes.

Objects become files, so no cluster is needed; what is declared is what the program of the layer registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from infra.recorder import Registration
from province.cli import dc
from province.errors import ExitCode, ProvinceError
from province.fleet.descriptor import descriptor_path
from province.fleet.load import load_fleet
from province.ops import removal, stacks
from province.ops.data_centre import DataCentre
from province.ops.workplace import Workplace
from province.toolchain import binary

from ..new_platform import LAYER, NAME, with_it
from ..synth.conftest import synthesise
from .rendered_stack import RenderedStack, rendered_stack

pytestmark = pytest.mark.soak  # 40 s of Pulumi; tests/unit/test_removal.py judges plans in every run

ENVIRONMENT = "lab"
UID = "b653e06f-2c6c-4be6-96c7-91eb324bd6eb"
NEIGHBOUR = "education"


@dataclass(frozen=True)
class Desk(Workplace):
    """A desk in a stack's own folder, with its own installation. Files are no cluster that could be looked at first."""

    settings: Mapping[str, str] = field(default_factory=dict)

    def words(self, argv: Sequence[str]) -> list[str]:
        return [str(binary(argv[0])), *(word for word in argv[1:] if word not in stacks.REFRESHED)]

    def variables(self) -> dict[str, str]:
        return dict(self.settings)


@dataclass(frozen=True)
class Scene:
    """The stack as it stood with two platforms, and the data centre whose model has one of them less."""

    centre: DataCentre
    stack: RenderedStack
    standing: tuple[Registration, ...]

    def say(self, objects: Iterable[Registration]) -> None:
        every = list(objects)
        self.stack.say(
            [(one.type, dict(one.inputs)) for one in every],
            cluster=UID,
            care=[(bool(one.protected), bool(one.retained)) for one in every],
        )

    @property
    def others(self) -> list[Registration]:
        """What is declared once the platform's file is gone."""
        return [one for one in self.standing if one.declared.namespace != NAME]

    def held(self) -> dict[str, dict[str, Any]]:
        """What the stack holds, by name."""
        found = stacks.exported(self.centre.work, self.stack.name)
        return {str(one["urn"]).rpartition("::")[2]: one for one in found if one["type"].startswith("kubernetes:")}

    def files(self) -> set[str]:
        """What stands in the cluster, which here is a folder."""
        return {one.name for one in (self.stack.folder / "program" / "rendered").rglob("*.yaml")}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    fleet = load_fleet(ENVIRONMENT)
    site = fleet.primary_site
    folder = tmp_path_factory.mktemp("removal")
    having = synthesise(with_it(ENVIRONMENT), site, LAYER).registrations
    standing = tuple(one for one in having if one.is_object and one.declared.namespace in {NAME, NEIGHBOUR})
    descriptor = descriptor_path(folder / "inventories", ENVIRONMENT, site.id)
    descriptor.parent.mkdir(parents=True)
    described = {
        "site": site.id,
        "endpoint": "https://192.0.2.1:6443",
        "ca_sha256": "a" * 64,
        "kube_system_uid": UID,
        "versions": {"kubernetes": "1.36.3", "containerd": "1.7.24"},
    }
    descriptor.write_text(yaml.safe_dump(described), encoding="utf-8")
    with rendered_stack(folder, f"{ENVIRONMENT}.{site.id}.{LAYER}") as stack:
        desk = Desk(folder, ENVIRONMENT, settings=stack.settings)
        centre = DataCentre(desk, replace(fleet, root=folder / "inventories"), site)
        scene = Scene(centre, stack, standing)
        scene.say(standing)
        stack.up()
        yield scene


def test_what_is_still_declared_is_not_taken_out(scene: Scene) -> None:
    with pytest.raises(ProvinceError, match=f"systems/{NEIGHBOUR}.yml declares {NEIGHBOUR} for") as caught:
        removal.find(scene.centre, NEIGHBOUR)
    assert caught.value.exit_code is ExitCode.USAGE


def test_what_no_stack_holds_is_not_taken_out(scene: Scene) -> None:
    with pytest.raises(ProvinceError, match=f"no stack of {scene.centre.site.id} holds fishery") as caught:
        removal.find(scene.centre, "fishery")
    assert f'did you mean "{NAME}"?' in caught.value.hint
    assert caught.value.exit_code is ExitCode.NOTHING_SELECTED


def test_a_plan_that_changes_anything_else_is_refused_and_all_is_protected_as_before(scene: Scene) -> None:
    before = scene.held()
    first = next(one for one in scene.others if one.declared.kind == "ResourceQuota")
    changed = replace(first, inputs={**first.inputs, "spec": {"hard": {"pods": "1"}}})
    scene.say([changed if one is first else one for one in scene.others])
    found = removal.find(scene.centre, NAME)
    with pytest.raises(ProvinceError, match=f"ResourceQuota/.*: update; {NAME} does not go by it"):
        removal.carry_out(scene.centre, found, "OPS-114")
    assert scene.held() == before


def test_a_cluster_that_does_not_say_what_is_stored_ends_it_before_anybody_is_asked(scene: Scene) -> None:
    with pytest.raises(ProvinceError, match=f"does not say what {NAME} has stored") as caught:
        removal.volumes(scene.centre, NAME)
    assert caught.value.exit_code is ExitCode.UNREACHABLE


def test_nothing_is_taken_out_unless_its_name_is_typed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    before = scene.held()
    scene.say(scene.others)
    monkeypatch.setattr(dc, "_centre", lambda *_, **__: scene.centre)
    monkeypatch.setattr(removal, "volumes", lambda *_: ["stays, stored: db-1 (10Gi)"])
    done = CliRunner().invoke(dc.app, ["remove", scene.centre.site.id, NAME, "--reason", "OPS-114"], input="yes\n")
    assert f"stays, protected: cluster/Namespace/{NAME}\nstays, stored: db-1 (10Gi)\n" in done.stderr
    assert f"type {NAME} to take it out and keep these" in done.stderr
    assert isinstance(done.exception, ProvinceError)
    assert done.exception.message == f"'yes' is not {NAME}; nothing was changed"
    assert scene.held() == before


def test_it_goes_its_data_stays_shut_off_and_nothing_else_is_touched(scene: Scene) -> None:
    before, files = scene.held(), scene.files()
    own = {name for name, one in before.items() if removal._room_of(one) == NAME}
    scene.say(scene.others)
    found = removal.find(scene.centre, NAME)
    assert f"stays, protected: cluster/Namespace/{NAME}" in found.shown
    step = removal.carry_out(scene.centre, found, "OPS-114")
    assert step.changed
    after = scene.held()
    assert before.keys() - after.keys() == own
    assert {name: one["outputs"] for name, one in after.items()} == {
        name: one["outputs"] for name, one in before.items() if name not in own
    }
    stays = {one for one in files if NAME in one} & scene.files()
    assert {part for part in ("namespace", "default-deny") if any(part in one for one in stays)} == {
        "namespace",
        "default-deny",
    }
    assert not any("resourcequota" in one for one in stays)
    with pytest.raises(ProvinceError, match=f"no stack of {scene.centre.site.id} holds {NAME}"):
        removal.find(scene.centre, NAME)
