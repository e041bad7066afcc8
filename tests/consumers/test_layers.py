"""Layers on real API servers of both sites: taken down and made again, cut off in the middle, one site lost.

Nodes and pods are simulated, so nothing here needs a lab; what nodes do themselves is for `tests/cluster`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from bench.pulumi.control_plane import ControlPlane, control_plane, namespace, wait_until_ready
from bench.pulumi.desk import CHECKOUT, ENVIRONMENT, Desk
from bench.pulumi.measure import NODES, done
from province.errors import ExitCode
from province.fleet.cluster_plan import api_addresses
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, SYSTEMS
from province.fleet.site import Site
from province.fleet.system import Pillar
from province.ops import data_centre, stacks, take_down
from province.ops.data_centre import AS_BEFORE, DataCentre
from province.ops.last_up import note_path

pytestmark = pytest.mark.soak

LAYER = next(layer for layer, pillar in SYSTEMS.items() if pillar is Pillar.GOVERNMENT)
"""The largest one: an `up` of it takes long enough to be in the middle of it."""
KINDS = "namespaces,deployments,services,networkpolicies,resourcequotas"
FIRST_OBJECT_WITHIN_S = 120.0


@dataclass(frozen=True)
class Province:
    """The clusters of both sites, and the desk from which they are worked on."""

    desk: Desk
    fleet: Fleet
    planes: Mapping[str, ControlPlane]

    def centre(self, site: Site, *layers: str) -> DataCentre:
        return DataCentre(self.desk, self.fleet, site, layers=layers or (LAYER,), with_hosts=False)

    @property
    def one(self) -> Site:
        return self.fleet.primary_site

    @property
    def other(self) -> Site:
        return self.fleet.data_centres[-1]

    def objects(self, site: Site) -> dict[str, str]:
        """The uid of everything in the layer's rooms, and of the rooms themselves."""
        rooms = {room.id for room in self.fleet.rooms_at(site, LAYER)}
        found = json.loads(self.planes[site.id].kubectl("get", KINDS, "--all-namespaces", "--output", "json"))
        placed = {one["metadata"]["uid"]: one for one in found["items"]}
        return {
            f"{one['kind']}/{one['metadata'].get('namespace', '')}/{one['metadata']['name']}": uid
            for uid, one in placed.items()
            if (one["metadata"].get("namespace") or one["metadata"]["name"]) in rooms
        }

    def down(self) -> None:
        centre = self.centre(self.one)
        assert take_down.preview_down(centre, LAYER).details
        done(iter([take_down.down(centre, LAYER, "test")]))


@pytest.fixture(scope="module")
def province() -> Iterator[Province]:
    desk = Desk(CHECKOUT, ENVIRONMENT, lambda *_: None)
    fleet = desk.clear()
    sites = [fleet.primary_site, fleet.data_centres[-1]]
    zone = fleet.province.management_zone
    addresses = {site.id: api_addresses(fleet, site)[zone].ipv4.ip for site in sites}
    planes = {}
    with ExitStack() as stack:
        stack.enter_context(namespace(addresses.values()))
        for site in sites:
            assert site.cluster
            nodes = [host.name for host in fleet.hosts_of(site.id) if host.host_class in NODES]
            place, port = desk.folder / f"plane-{site.id}", site.cluster.api.port
            planes[site.id] = stack.enter_context(control_plane(place, addresses[site.id], port, nodes=nodes))
            desk.describe(fleet, site, planes[site.id])
        made = Province(desk, fleet, planes)
        for site in sites:
            done(data_centre.up(made.centre(site, CLUSTER, LAYER), "test"))
        yield made


def rooms(objects: Mapping[str, str]) -> dict[str, str]:
    return {name: uid for name, uid in objects.items() if name.startswith("Namespace/")}


@pytest.mark.proves(31)
def test_a_layer_is_taken_down_and_made_again_while_the_others_stay(province: Province) -> None:
    before = province.objects(province.one)
    province.down()
    left = province.objects(province.one)
    assert rooms(left) == rooms(before)
    assert left == rooms(left)
    below = done(data_centre.plan(province.centre(province.one, CLUSTER), every=True))
    assert [step.changed for step in below] == [False]
    (made, _) = done(data_centre.up(province.centre(province.one), "test"))
    assert made.changed
    again = province.objects(province.one)
    assert set(again) == set(before)
    assert rooms(again) == rooms(before)


@pytest.mark.proves(31)
def test_an_api_server_that_dies_in_the_middle_leaves_nothing_that_the_next_up_does_not_finish(
    province: Province,
) -> None:
    before, plane, centre = province.objects(province.one), province.planes[province.one.id], None
    province.down()
    centre = province.centre(province.one)
    name = centre.stack(LAYER)
    log = province.desk.private / "logs" / f"up-{name}.log"
    log.unlink()
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(lambda: list(data_centre.up(centre, "test")))
        end = time.monotonic() + FIRST_OBJECT_WITHIN_S
        while not (log.is_file() and " created" in log.read_text(encoding="utf-8")):
            assert time.monotonic() < end, "no object was made"
            time.sleep(0.05)
        plane.kill("kube-apiserver")
        (cut,) = running.result()
    assert cut.failed
    assert not note_path(province.desk, name).is_file()
    plane.start("kube-apiserver")
    wait_until_ready(plane)
    assert set(province.objects(province.one)) < set(before)
    done(data_centre.up(centre, "test"))
    assert set(province.objects(province.one)) == set(before)
    state = json.loads(province.desk.cost("pulumi", "stack", "export", "--stack", name).output)["deployment"]
    assert not state.get("pending_operations")
    assert [step.changed for step in done(data_centre.drift(centre))] == [False]


@pytest.mark.proves(31)
def test_the_loss_of_one_sites_api_server_is_not_the_others(province: Province) -> None:
    plane = province.planes[province.other.id]
    plane.kill("kube-apiserver")
    (lost,) = data_centre.plan(province.centre(province.other), every=True)
    assert lost.code is ExitCode.UNREACHABLE
    assert "does not answer" in lost.failed
    kept = done(data_centre.up(province.centre(province.one), "test", every=True))
    assert [step.changed for step in kept] == [False, False]
    plane.start("kube-apiserver")
    wait_until_ready(plane)
    (back,) = done(data_centre.plan(province.centre(province.other), every=True))
    assert not back.changed
    assert AS_BEFORE not in back.line


@pytest.mark.proves(31)
def test_what_somebody_changes_by_hand_is_found_with_its_field_and_taken_back(province: Province) -> None:
    room = province.fleet.rooms_at(province.one, LAYER)[0].id
    plane, centre = province.planes[province.one.id], province.centre(province.one)
    plane.kubectl(
        "patch", "resourcequota", "system", "--namespace", room, "--patch", '{"spec":{"hard":{"pods":"7777"}}}'
    )
    (found,) = done(data_centre.drift(centre))
    assert found.changed
    log = province.desk.private / "logs" / f"drift-{centre.stack(LAYER)}.log"
    assert '"7777"' in log.read_text(encoding="utf-8")
    done(data_centre.up(centre, "test", every=True))
    assert [step.changed for step in done(data_centre.drift(centre))] == [False]


@pytest.mark.proves(31)
def test_a_plan_that_would_destroy_a_room_is_refused_and_nothing_is_done(province: Province) -> None:
    """A system's file is gone from the model: its namespace and all that it stores would go with it."""
    room = province.fleet.rooms_at(province.one, LAYER)[-1].id
    before = province.objects(province.one)
    plan = province.desk.inventories / "fleet" / "systems" / f"{room}.yml"
    kept = plan.read_text(encoding="utf-8")
    plan.write_text(kept.replace("pillar: government", "pillar: technology"), encoding="utf-8")
    try:
        planned = list(data_centre.plan(province.centre(province.one)))
        assert any(f"namespace {room}/Namespace/{room}" in line for step in planned for line in step.details), planned
        (refused,) = data_centre.up(province.centre(province.one), "test")
        assert "the plan does what no plan may do" in refused.failed
    finally:
        plan.write_text(kept, encoding="utf-8")
    assert province.objects(province.one) == before
    assert stacks.exported(province.desk, province.centre(province.one).stack(LAYER))
