"""The kiosk of the model: at nodes that have a counter, in its zone alone, and no larger than the relay's message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in

PLAN = "fleet/province.yml"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


@pytest.fixture(scope="module")
def builder(fleet: Fleet) -> Builder:
    return Builder(fleet, stand_in(fleet))


def test_people_s_committees_have_a_kiosk_in_the_zone_of_the_counter(fleet: Fleet, builder: Builder) -> None:
    node = fleet.hosts["phu-quoc-people"]
    manifest = builder.build(node)
    zone = next(one for one in node.interfaces if one.zone == "counter").address
    (door,) = (one for one in manifest.listens if one.capability == "counter")
    assert (door.port, door.ipv4, door.ipv6) == (443, (str(zone.ipv4.network),), (str(zone.ipv6.network),))
    assert "nginx" in manifest.packages
    assert manifest.units["nginx.service"].state == "stopped"
    plan = json.loads(manifest.files["/etc/counter/plan.json"].content)
    assert plan["place"] == "Đặc khu Phú Quốc"
    assert plan["stores"]
    party = builder.build(fleet.hosts["phu-quoc-party"])
    assert "nginx" not in party.packages
    assert not [path for path in party.files if "/etc/counter" in path or "province/counter" in path]


def test_pages_run_nothing_and_need_nothing_from_elsewhere(fleet: Fleet, builder: Builder) -> None:
    """No script, no font, no picture of another host: the province may be away."""
    files = builder.build(fleet.hosts["phu-quoc-people"]).files
    assert '<html lang="vi">' in files["/usr/local/share/province/counter/down.html"].content
    for path, file in files.items():
        if path.startswith(("/usr/local/share/province/counter/", "/usr/local/lib/province/counter")):
            assert not [word for word in ("<script", "http://", "https://", "@import") if word in file.content], path


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  files_mb: 5", "  files_mb: 6", "does not fit into a message of 8 MB"),
        ("  subject: documents", "  subject: documnts", 'did you mean "documents"?'),
        ("  zone: counter", "  zone: conter", 'did you mean "counter"?'),
        ("  door_uid: 851", "  door_uid: 850", "door_uid 850 is that of the kiosk, too"),
    ],
)
def test_what_is_wrong_is_said(data: Path, old: str, new: str, problem: str) -> None:
    path = data / PLAN
    text = path.read_text(encoding="utf-8")
    if old.strip() == "door_uid: 851":
        old, new = f"  uid: 850\n{old}", f"  uid: 850\n{new}"
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadData) as error:
        load_fleet("production", data)
    assert problem in str(error.value), str(error.value)
