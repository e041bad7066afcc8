"""The stack of a move on a real API server, phase by phase: what `pulumi up` changes, refuses and leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bench.pulumi.control_plane import ControlPlane
from bench.pulumi.desk import CHECKOUT, ENVIRONMENT, Desk
from bench.pulumi.measure import UP, cluster, done
from infra.marks import vocabulary
from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, MIGRATION
from province.fleet.migration import Phase
from province.fleet.site import Site
from province.ops import data_centre, stacks
from province.ops.data_centre import DataCentre

pytestmark = pytest.mark.soak

WAVE_1 = ("trial-an-giang", "trial-kien-giang")


@dataclass(frozen=True)
class Running:
    """A control plane with simulated nodes, and a copy of the facts that a test may change."""

    desk: Desk
    site: Site
    plane: ControlPlane
    fleet: Fleet

    @property
    def stack(self) -> str:
        return f"{ENVIRONMENT}.{self.site.id}.{MIGRATION}"

    def let_go(self, wave: int, phase: Phase) -> None:
        """Change the line of the model that is a wave's leave."""
        path = self.desk.inventories / "fleet" / "migration" / "waves.yml"
        before, head, rest = path.read_text(encoding="utf-8").partition(f"- id: {wave}\n")
        line = next(one for one in rest.splitlines() if one.startswith("  phase: "))
        path.write_text(before + head + rest.replace(line, f"  phase: {phase}", 1), encoding="utf-8")

    def up(self) -> str:
        """What Pulumi printed."""
        return self.desk.cost("pulumi", *UP, self.stack).output

    def get(self, kinds: str) -> dict[str, dict[str, Any]]:
        """Objects of wave 1 in every room, found by its label, by kind and name."""
        found = json.loads(self.plane.kubectl("get", kinds, "-A", "-l", f"{self.key('wave')}=1", "-o", "json"))
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in found["items"]}

    def says(self, word: str) -> set[str]:
        """What the labels of the wave's records say."""
        return {one["metadata"]["labels"][self.key(word)] for one in self.get("configmap").values()}

    def claims(self) -> dict[str, str]:
        """The uids of the wave's volumes, all of which are bound."""
        found = self.get("pvc")
        assert {one["status"]["phase"] for one in found.values()} <= {"Bound"}
        return {name: one["metadata"]["uid"] for name, one in found.items()}

    def shut(self) -> set[bool]:
        """Whether pods mount the wave's volumes read-only."""
        pods = [one["spec"]["template"]["spec"] for one in self.get("deployment").values()]
        return {mount.get("readOnly", False) for pod in pods for mount in pod["containers"][0]["volumeMounts"]}

    def key(self, word: str) -> str:
        return vocabulary(self.fleet).key(word)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    desk = Desk(CHECKOUT, ENVIRONMENT, lambda *_: None)
    with cluster(desk) as (fleet, site, plane):
        done(data_centre.up(DataCentre(desk, fleet, site, layers=(CLUSTER,), with_hosts=False), "test"))
        rooms = [{"apiVersion": "v1", "kind": "Namespace", "metadata": _room(fleet, "trial")}]
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(_listed([*rooms, *_disks()])))
        one = Running(desk, site, plane, fleet)
        stacks.select(desk, one.stack)
        yield one


def _room(fleet: Fleet, system: str) -> dict[str, Any]:
    word = vocabulary(fleet).key
    labels = {word(one): "x" for one in ("owner", "tier")} | {word("level"): "2", word("project06"): "false"}
    return {"name": system, "labels": {**labels, "pod-security.kubernetes.io/enforce": "restricted"}}


def _disks() -> list[dict[str, Any]]:
    """What the maker of volumes would make on a node that is not simulated."""
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "shared",
        "hostPath": {"path": "/simulated"},
    }
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec} for name in WAVE_1
    ]


def _listed(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def test_a_wave_goes_there_and_back_and_its_volumes_stay(running: Running) -> None:
    running.up()
    assert (running.says("phase"), running.says("serves")) == ({"declared"}, {"old"})
    assert set(running.get("configmap,pvc,deployment,netpol")) == {f"ConfigMap/{name}" for name in WAVE_1}

    running.let_go(1, Phase.PROVISIONED)
    running.up()
    volumes = running.claims()
    assert set(volumes) == {f"PersistentVolumeClaim/{name}" for name in WAVE_1}
    assert (running.says("phase"), running.shut()) == ({"provisioned"}, {True})
    with pytest.raises(ProvinceError) as refused:
        running.plane.kubectl("delete", "pvc", "--namespace", "trial", WAVE_1[0], "--dry-run=server")
    assert "is of a move that is not retired [rule stored]" in f"{refused.value}"

    running.let_go(1, Phase.CUT_OVER)
    running.up()
    assert (running.says("phase"), running.says("serves"), running.shut()) == ({"cut-over"}, {"new"}, {False})
    assert running.claims() == volumes
    assert "unchanged" in running.up()

    running.let_go(1, Phase.ROLLED_BACK)
    running.up()
    assert (running.says("phase"), running.says("serves"), running.shut()) == ({"rolled-back"}, {"old"}, {True})
    assert running.claims() == volumes

    running.let_go(1, Phase.DECLARED)
    with pytest.raises(ProvinceError) as kept:
        running.up()
    assert "protect" in f"{kept.value}"
    assert running.claims() == volumes
