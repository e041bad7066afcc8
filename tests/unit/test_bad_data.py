"""Bad data gives one clear message that names file, key, value and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.findings import BadData
from province.fleet.load import load_fleet

from .conftest import Edit

PHU_QUOC = "fleet/communes/31078-dac-khu-phu-quoc.yml"


def problems(data: Path, environment: str = "production") -> str:
    with pytest.raises(BadData) as caught:
        load_fleet(environment, root=data)
    return str(caught.value)


def test_a_typo_names_file_key_and_the_nearest_key(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "party:  {mbps:", "party:  {mpbs:")
    assert problems(data) == (
        "inventories/fleet/communes/31078-dac-khu-phu-quoc.yml\n"
        "  lines.party.mbps: missing; add this key (line 7)\n"
        '  lines.party.mpbs: unknown key; did you mean "mbps"? (line 7)\n'
        "2 problems; nothing was changed"
    )


def test_a_wrong_value_is_shown(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "lat: 10.275", "lat: 102.75")
    assert problems(data) == (
        "inventories/fleet/communes/31078-dac-khu-phu-quoc.yml\n"
        "  location.lat: input should be less than or equal to 90 (is 102.75); correct this value (line 5)\n"
        "1 problem; nothing was changed"
    )


def test_all_problems_of_all_files_come_together(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "kind: đặc khu", "kind: huyện")
    edit("fleet/sites/rach-gia.yml", "purpose: primary", "purpose: primry")
    text = problems(data)
    assert "31078-dac-khu-phu-quoc.yml\n  kind: " in text
    assert "sites/rach-gia.yml\n  purpose: " in text
    assert text.endswith("2 problems; nothing was changed")


def test_a_lost_commune_is_missed(data: Path) -> None:
    (data / PHU_QUOC).unlink()
    text = problems(data)
    assert "units.đặc khu: there are 2 files of this kind in communes/ (is 3)" in text


def test_a_renamed_file_is_found(data: Path) -> None:
    (data / PHU_QUOC).rename(data / "fleet/communes/31078-phu-quoc.yml")
    assert "rename it to 31078-dac-khu-phu-quoc.yml" in problems(data)


def test_invalid_yaml_names_line_and_column(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "lines:\n", "lines: [\n")
    assert "line 8, column 3: not valid YAML" in problems(data)


def test_a_key_that_stands_twice_is_refused(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "name: Đặc khu Phú Quốc\n", "name: Đặc khu Phú Quốc\nname: Phú Quốc\n")
    assert "the key 'name' stands twice" in problems(data)


def test_overlapping_ranges_are_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "198.18.128.0/17", "198.18.0.0/18")
    assert "addressing.bodies.government: overlaps bodies.party (is 198.18.0.0/17)" in problems(data)


def test_two_uplinks_on_one_route_are_refused(data: Path, edit: Edit) -> None:
    edit("fleet/sites/rach-gia.yml", "national-road-61", "national-road-80")
    assert "two uplinks share a route (is national-road-80)" in problems(data)


def test_an_unknown_source_is_refused(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "source: V7", "source: V77")
    assert "no such source (is V77)" in problems(data)


def test_a_zone_that_no_site_has_is_refused(data: Path, edit: Edit) -> None:
    edit("fleet/province.yml", "zones: [dmz, servers, management]", "zones: [dmx, servers, management]")
    assert 'no such zone (is dmx); did you mean "dmz"?' in problems(data)


def test_an_unknown_environment_names_the_known_ones() -> None:
    with pytest.raises(ProvinceError, match='did you mean "production"'):
        load_fleet("prodction")


def test_an_environment_cannot_name_a_commune_that_is_not_there(data: Path, edit: Edit) -> None:
    edit("lab/environment.yml", '"31078"', '"31079"')
    assert "no such commune (is 31079)" in problems(data, "lab")


def test_too_many_communes_are_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_COMMUNES", "103")
    with pytest.raises(ProvinceError, match="use 1 to 102"):
        load_fleet("lab", root=data)
