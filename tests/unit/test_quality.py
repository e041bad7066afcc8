"""Sharing out a line: rates from its capacity, thin lines apart, classes that claim what exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.traffic import dscp_number
from province.manifest.quality import LineShape, class_number, line_number, quality_view, queue_name, shape_line
from province.manifest.roles import load_capabilities

from .conftest import Edit
from .test_bad_data import problems


def test_a_line_is_used_to_the_limit_of_its_operator_and_shared_out_completely(fleet: Fleet) -> None:
    shape = shape_line(fleet.province, 200)
    assert shape.rate_kbit == 180_000
    assert not shape.thin
    assert sum(one.rate_kbit for one in shape.classes) == pytest.approx(shape.rate_kbit, abs=len(shape.classes))


@pytest.mark.proves(23)
def test_on_a_thin_line_video_leaves_more_to_the_counter_and_still_carries_a_conference(fleet: Fleet) -> None:
    thin, broad = shape_line(fleet.province, 6), shape_line(fleet.province, 200)
    assert thin.thin
    assert shape_line(fleet.province, 10).thin
    assert not shape_line(fleet.province, 11).thin

    def part(shape: LineShape, name: str) -> float:
        return next(one.rate_kbit for one in shape.classes if one.traffic.id == name) / shape.rate_kbit

    assert part(thin, "video") < part(broad, "video")
    assert part(thin, "one-stop") > part(broad, "one-stop")
    assert next(one.rate_kbit for one in thin.classes if one.traffic.id == "video") > 2_000


def test_no_queue_holds_a_packet_longer_than_its_class_allows(fleet: Fleet) -> None:
    for mbps in (6, 10, 50, 200):
        shape = shape_line(fleet.province, mbps)
        for one in shape.classes:
            waits_ms = one.queue_bytes * 8 / shape.rate_kbit
            ten_packets_ms = 15_000 * 8 / shape.rate_kbit
            assert waits_ms <= max(one.traffic.queue_ms, ten_packets_ms) + 1, (mbps, one.traffic.id)


def test_what_arrives_is_held_below_what_the_far_ends_send(fleet: Fleet) -> None:
    assert shape_line(fleet.province, 6, arriving=True).rate_kbit < shape_line(fleet.province, 6).rate_kbit


def test_all_tunnels_of_a_line_share_one_queue_in_each_direction(fleet: Fleet) -> None:
    node = next(one for one in fleet.nodes if one.name == "phu-quoc-party")
    queues = {queue["device"]: queue for queue in quality_view(fleet, node)["queues"]}  # type: ignore[attr-defined]
    tunnels = [one.node_device for one in fleet.tunnels_of(node.name) if one.path.id == "tslcd"]
    assert len(tunnels) == 4
    assert queues["out-tslcd"]["feeders"] == queues["in-tslcd"]["feeders"] == tunnels
    assert all(len(device) <= 15 for device in queues)


def test_a_line_of_unknown_capacity_is_not_shaped(fleet: Fleet) -> None:
    node = next(one for one in fleet.nodes if one.name == "phu-quoc-party")
    paths = {queue["device"].partition("-")[2] for queue in quality_view(fleet, node)["queues"]}  # type: ignore[attr-defined]
    unknown = {one.path.id for one in fleet.tunnels_of(node.name) if not one.mbps}
    assert unknown == {"cellular"}
    assert not paths & unknown


def test_a_gateway_has_a_line_of_its_own_for_every_node_on_every_path(fleet: Fleet) -> None:
    host = next(one for one in fleet.hosts.values() if one.host_class == "gateway")
    view = quality_view(fleet, host)
    numbers = [line_number(fleet, node) for node in fleet.nodes]
    assert sorted(set(numbers)) == list(range(1, len(numbers) + 1))
    for queue in view["queues"]:  # type: ignore[attr-defined]
        names = [line["queue"] for line in queue["lines"]]
        names += [one["queue"] for line in queue["lines"] for one in line["classes"]]
        assert len(names) == len(set(names))
        assert all(int(name.partition(":")[2], 16) < 65_536 for name in names)
    mapped = {one["queue"] for node in view["queued_nodes"] for one in node["classes"]}  # type: ignore[attr-defined]
    assert mapped == {
        queue_name(line_number(fleet, node), class_number(fleet.province.traffic, one))
        for node in fleet.nodes
        for one in fleet.province.traffic.classes
    }


@pytest.mark.parametrize(
    ("mark", "number"), [("cs0", 0), ("cs1", 8), ("cs6", 48), ("af11", 10), ("af21", 18), ("af41", 34), ("ef", 46)]
)
def test_marks_have_the_numbers_of_their_standards(mark: str, number: int) -> None:
    assert dscp_number(mark) == number  # type: ignore[arg-type]


def test_classes_claim_capabilities_that_exist(fleet: Fleet) -> None:
    known = {one.capability for one in load_capabilities()}
    assert {name for one in fleet.province.traffic.classes for name in one.capabilities} <= known


def test_shares_that_are_more_than_the_line_are_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "thin_share: 40", "thin_share: 45")
    assert "traffic.classes.thin_share: must add up to 100 (is 105)" in problems(data)


def test_a_class_for_a_zone_that_no_commune_has_is_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "zones: [video]", "zones: [vidoe]")
    assert 'traffic.classes.video.zones: no such zone of communes (is vidoe); did you mean "video"?' in problems(data)


def test_two_classes_with_one_mark_are_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "dscp: af21", "dscp: af31")
    assert "traffic.classes.dscp: two classes have it (is af31)" in problems(data)
