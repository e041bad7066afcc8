"""Copies of nodes in the model: each at a time of its own, whole rules, and passwords that only the seal opens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from province.errors import ProvinceError
from province.fleet.copies import Copies
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.copies import stores
from province.manifest.trust import stand_in
from province.pki import seal
from tests.unit.node_in_folder import HostInFolder, a_key, a_part, run

SEALED = "/etc/copies/repository.key"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


def test_no_two_copies_begin_at_once(fleet: Fleet) -> None:
    """204 nodes and two sites over the period: each pair has a second of its own, none more than the period apart."""
    rules = fleet.province.copies
    places = 2 * len(fleet.nodes)
    times = [rules.calendar(place, places) for place in range(places)]
    assert len(set(times)) == places
    assert {len(time.split()[1].split(":")[0].split(",")) for time in times} == {24 // rules.every_hours}
    builder = Builder(fleet, stand_in(fleet))
    seen = []
    for host in [host for host in fleet.hosts.values() if host.host_class == "edge"][:12]:
        files = builder.build(host).files
        timers = {path: file.content for path, file in files.items() if re.search(r"/copies-.*\.timer$", path)}
        assert len(timers) == len(stores(tuple(fleet.hosts.values())))
        seen += [re.search(r"OnCalendar=(.+)", text)[1] for text in timers.values()]  # type: ignore[index]
    assert len(set(seen)) == len(seen)


def test_one_host_of_each_site_keeps_copies_and_knows_every_node(fleet: Fleet) -> None:
    """The door takes a node by its certificate to its own place; hosts of sites have none."""
    kept_at = stores(tuple(fleet.hosts.values()))
    assert {site: host.name for site, host in kept_at.items()} == {
        "long-xuyen": "long-xuyen-services-1",
        "rach-gia": "rach-gia-services-1",
    }
    builder = Builder(fleet, stand_in(fleet))
    door = builder.build(kept_at["rach-gia"]).files["/etc/copies/door.conf"].content
    named = dict(re.findall(r'"CN=([^"]+)" "([^"]+)";', door))
    assert named == {host.fqdn: host.name for host in fleet.hosts.values() if host.host_class == "edge"}
    second = builder.build(fleet.hosts["rach-gia-services-2"])
    assert "/etc/copies/door.conf" not in second.files
    assert not [one for one in second.listens if one.capability == "copies"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"every_hours": 5}, "every_hours: 5 does not divide a day; take one of 1, 2, 3, 4, 6, 8, 12, 24"),
        ({"oldest_hours": 7}, "oldest_hours: 7 is less than two periods of 6"),
        ({"days": {"state": 90}}, "days: no row for queue"),
        ({"door_uid": 830}, "door_uid: 830 is that of the store, too"),
        ({"node_mb": 0}, "greater than 0"),
    ],
)
def test_rules_that_do_not_fit_together_are_an_error(change: dict[str, object], problem: str, fleet: Fleet) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        Copies.model_validate({**fleet.province.copies.model_dump(mode="json"), **change})


def test_what_a_host_sealed_only_the_seal_opens(tmp_path: Path) -> None:
    """The password is made on the host; its public half is one line, made again for another seal."""
    host = HostInFolder(tmp_path / "host")
    mine, others = tmp_path / "mine", tmp_path / "others"

    def converge(recipient: str) -> list[str]:
        return list(run(host, a_part(keys={SEALED: a_key(SEALED, "sealed", recipient=recipient)})).changes)

    assert converge(seal.ensure(mine)) == [f"make key {SEALED}"]
    assert converge(seal.ensure(mine)) == []
    password = host.read(SEALED).strip()
    assert re.fullmatch("[0-9a-f]{64}", password)
    sealed = host.read(f"{SEALED}.pub").strip()
    assert "\n" not in sealed
    assert seal.opened(seal.load(mine), sealed, "a-node") == password
    assert converge(seal.ensure(others)) == [f"write {SEALED}.pub"]
    assert host.read(SEALED).strip() == password
    again = host.read(f"{SEALED}.pub").strip()
    assert seal.opened(seal.load(others), again, "a-node") == password
    for wrong in (again, "no base64!", ""):
        with pytest.raises(ProvinceError, match="a-node: what the register holds was not sealed"):
            seal.opened(seal.load(mine), wrong, "a-node")


NO_KEY = b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"  # pragma: allowlist secret


@pytest.mark.parametrize("content", [None, b"", NO_KEY])
def test_a_seal_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / seal.KEY).write_bytes(content)
    with pytest.raises(ProvinceError, match=r"copies-seal\.key: no key that opens what nodes sealed"):
        seal.load(tmp_path)
