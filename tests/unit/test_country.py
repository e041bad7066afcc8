"""The synthetic country: real counts, invented facts, and no two provinces that claim the same."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bench.country import figures
from bench.country.figures import Result, Stage
from bench.country.plan import clashes, plan_country
from bench.country.synthetic import OURS, Pattern, address_plan, country, province_files, read_pattern, write
from province.fleet.commune import CommuneKind
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet
from province.fleet.province import NetworkPair

SMALL = (7, 130)
"""One province that is small, and one with more communes than a tunnel network of 254 addresses has room for."""


@pytest.fixture(scope="module")
def pattern() -> Pattern:
    return read_pattern(inventories_root())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, pattern: Pattern) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("country"), pattern, country(SMALL))


@pytest.fixture(scope="module")
def fleets(folders: dict[str, Path]) -> dict[str, Fleet]:
    return {name: load_fleet(OURS, root=folder) for name, folder in folders.items()}


def test_the_country_has_the_provinces_and_communes_of_july_2025() -> None:
    places = country()
    counted: Counter[CommuneKind] = Counter()
    for place in places:
        counted.update(place.units)
    assert len(places) == 34
    assert counted == {CommuneKind.COMMUNE: 2621, CommuneKind.WARD: 687, CommuneKind.SPECIAL_ZONE: 13}


def test_the_same_country_is_made_every_time(pattern: Pattern) -> None:
    last = country()[-1]
    assert province_files(pattern, last) == province_files(read_pattern(inventories_root()), country()[-1])


def test_every_province_loads_with_all_its_nodes(fleets: dict[str, Fleet]) -> None:
    assert [len(fleet.nodes) for fleet in fleets.values()] == [14, 260]
    assert all(fleet.hosts for fleet in fleets.values())


def test_no_two_provinces_claim_the_same(fleets: dict[str, Fleet]) -> None:
    assert not clashes(fleets.values())


def test_a_province_that_is_there_twice_is_seen(fleets: dict[str, Fleet]) -> None:
    found = clashes([fleets["mau-01"], fleets["mau-01"]])
    kinds = {"name ", "address ", "commune ", "autonomous system "}
    assert {kind for kind in kinds for claim in found if claim.startswith(kind)} == kinds


def test_no_ranges_of_two_of_all_provinces_overlap() -> None:
    pairs = [pair for place in country() for pair in _ranges(place.number)]
    for protocol in ("ipv4", "ipv6"):
        networks = sorted((getattr(pair, protocol) for pair in pairs), key=lambda one: (one.network_address, one))
        assert all(one.broadcast_address < other.network_address for one, other in pairwise(networks))


def _ranges(number: int) -> list[NetworkPair]:
    plan = address_plan(number)
    found = [*plan["bodies"].values(), *plan["underlays"].values(), plan["sites"], plan["tunnels"]]
    return [NetworkPair.model_validate(pair) for pair in found]


def test_every_node_is_in_one_batch_and_no_commune_twice_in_a_wave(fleets: dict[str, Fleet]) -> None:
    batches = plan_country(fleets, fleets["mau-01"].province.rollout.stages)
    planned = [(one.province, name) for one in batches for name in one.nodes]
    assert sorted(planned) == sorted((name, node.name) for name, fleet in fleets.items() for node in fleet.nodes)
    communes = Counter((one.wave, name.rpartition("-")[0]) for one in batches for name in one.nodes)
    assert max(communes.values()) == 1
    assert [one.stage for one in batches if one.wave == 1] == ["canary"]


def test_a_broken_fact_is_one_finding_that_names_its_file(tmp_path: Path, pattern: Pattern) -> None:
    (folder,) = write(tmp_path, pattern, country((3,))).values()
    path = next((folder / "fleet" / "communes").glob("01002-*.yml"))
    path.write_text(path.read_text(encoding="utf-8").replace("mbps: 6", "mbps: six", 1), encoding="utf-8")
    with pytest.raises(BadData) as caught:
        load_fleet(OURS, root=folder)
    assert [one.file for one in caught.value.findings] == [f"inventories/fleet/communes/{path.name}"]


def test_a_plan_whose_tunnels_have_no_room_is_one_finding(tmp_path: Path, pattern: Pattern) -> None:
    (folder,) = write(tmp_path, pattern, country((120,))).values()
    path = folder / "fleet" / "province.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("tunnel_prefix:\n    ipv4: 23", "tunnel_prefix:\n    ipv4: 24"), encoding="utf-8")
    with pytest.raises(BadData) as caught:
        load_fleet(OURS, root=folder)
    (finding,) = caught.value.findings
    assert (finding.key, finding.problem) == ("addressing.tunnel_prefix.ipv4", "has room for 239 nodes of 240")


def test_a_cost_that_grows_with_the_country_is_not_flat() -> None:
    found = figures.summary([[_course(204, 1.0), _course(6642, 65.0)]])
    goals = found["goals"]
    assert isinstance(goals, list)
    assert [goal["met"] for goal in goals] == [False, True, False]


def _course(nodes: int, cpu: float) -> Result:
    stages = {name: Stage(seconds=cpu, cpu_seconds=cpu, peak_mib=100) for name in (*figures.PLANNING, "render")}
    return Result(
        provinces=34 if nodes == 6642 else 1,
        communes=nodes // 2,
        nodes=nodes,
        hosts=nodes,
        waves=(),
        clashes=0,
        rendered=6,
        load_average=1,
        stages=stages,
    )
