"""A new sector platform is one file; with it comes what it needs, and without it nothing else is any different."""

from __future__ import annotations

from dataclasses import replace
from difflib import ndiff

import pytest

from infra.recorder import Registration
from province.fleet.hosts import Host
from province.fleet.layer import LAYERS
from province.fleet.load import load_fleet
from province.fleet.system import Pillar
from province.manifest.build import Builder
from province.manifest.trust import stand_in

from ..new_platform import FILE, LAYER, MOST_LINES, NAME, with_it
from .conftest import Synth, stack_of, synthesise

ENVIRONMENT = "lab"
SITES = [site.id for site in load_fleet(ENVIRONMENT).data_centres]
ROOM = {
    f"{NAME}/Namespace/{NAME}",
    f"{NAME}/ResourceQuota/system",
    f"{NAME}/LimitRange/containers",
    f"{NAME}/NetworkPolicy/default-deny",
    f"{NAME}/NetworkPolicy/name-resolution",
    f"{NAME}/NetworkPolicy/web-to-intake",
    f"{NAME}/NetworkPolicy/intake-from-web",
    f"{NAME}/NetworkPolicy/web-to-identity-login",
    f"{NAME}/NetworkPolicy/intake-to-data-exchange-gateway",
    f"{NAME}/ServiceAccount/default",
    f"{NAME}/RoleBinding/owner",
}
"""What anybody may count on; beside it stands what the cluster can provide today."""
DOORS_OF_OTHERS = {
    "systems-security": {f"identity/NetworkPolicy/login-from-{NAME}-web"},
    "systems-data": {f"data-exchange/NetworkPolicy/gateway-from-{NAME}-intake"},
}


def both(site: str, layer: str) -> tuple[dict[str, Registration], dict[str, Registration]]:
    """What a layer registers without the new platform, and with it."""
    fleet = with_it(ENVIRONMENT)

    def by_name(synth: Synth) -> dict[str, Registration]:
        """What must be there first is a set: it is told in any order."""
        return {one.name: replace(one, after=tuple(sorted(one.after))) for one in synth.registrations}

    return by_name(stack_of(ENVIRONMENT, site, layer)), by_name(synthesise(fleet, fleet.sites[site], layer))


@pytest.mark.proves(65, 66, 67, 68, 69, 70, 71, 73)
def test_a_sector_platform_is_one_short_file() -> None:
    fleet = load_fleet(ENVIRONMENT)
    assert len(FILE.splitlines()) <= MOST_LINES
    for id_, system in fleet.systems.items():
        if system.pillar is Pillar.ECONOMY_SOCIETY:
            text = (fleet.root / "fleet" / "systems" / f"{id_}.yml").read_text(encoding="utf-8")
            assert len(text.splitlines()) <= MOST_LINES, id_


@pytest.mark.parametrize("layer", LAYERS)
def test_with_it_comes_its_room_and_without_it_nothing_else_is_different(layer: str) -> None:
    """Read backwards: what a removal takes out is this and no more, and no other object changes."""
    site = SITES[0]
    without, having = both(site, layer)
    assert [name for name, one in without.items() if having.get(name) != one] == []
    new = having.keys() - without.keys()
    own = {name for name in new if name.startswith(f"{NAME}/") or name == NAME or f"/{NAME}/" in name}
    if layer == LAYER:
        assert own >= ROOM
    assert {name for name in new if NAME not in name} == set()
    assert {name for name in new - own if name.split("/")[0] != "ingress"} >= DOORS_OF_OTHERS.get(layer, set())
    assert layer == LAYER or not own, "its room stands in one stack"


def test_a_site_that_its_tier_does_not_ask_for_does_not_change() -> None:
    without, having = both(SITES[1], LAYER)
    assert without == having


def said(content: str) -> list[str]:
    """The lines of a file without comments, of which some list the systems that a rule is for."""
    return [line for line in (one.partition("# ")[0].rstrip() for one in content.splitlines()) if line]


def test_a_host_learns_no_more_than_its_names() -> None:
    """One host of each class: beside comments, the only new lines in any of its files name the platform."""
    before, after = (Builder(fleet, stand_in(fleet)) for fleet in (load_fleet(ENVIRONMENT), with_it(ENVIRONMENT)))
    chosen: dict[str, Host] = {}
    for host in before.fleet.hosts.values():
        chosen.setdefault(host.host_class, host)
    told = set()
    for class_, host in chosen.items():
        old, new = (builder.build(builder.fleet.hosts[host.name]) for builder in (before, after))
        assert old.files.keys() == new.files.keys()
        for path, file in new.files.items():
            lines = ndiff(said(old.files[path].content), said(file.content))
            if changes := [line for line in lines if line[0] in "+-"]:
                assert all(line[0] == "+" and NAME in line for line in changes), (class_, path, changes)
                told.add(class_)
    assert told, "some resolver knows its name"
