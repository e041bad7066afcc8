"""Users find a system by its name, through the entrance of their own network, and only by TLS."""

from __future__ import annotations

from infra.policy.record import Declared
from province.fleet.exposed import exposed_names
from province.fleet.load import load_fleet
from province.fleet.site import Provided

from .conftest import Synth, offering, synthesise

FLEET = load_fleet("production")


def made(*provides: Provided) -> Synth:
    return synthesise(*offering(FLEET, FLEET.primary_site, provides=provides), "systems-government")


def ingresses(synth: Synth) -> dict[tuple[str, str], Declared]:
    return {(str(one.namespace), str(one.name)): one for one in synth.objects if one.kind == "Ingress"}


def hosts(one: Declared) -> list[str]:
    return [rule["host"] for rule in one.spec["rules"]]


def test_users_find_systems_by_name_over_tls_through_the_entrance_of_their_network() -> None:
    found = ingresses(made(Provided.INGRESS))
    for (_, name), one in found.items():
        assert one.spec["ingressClassName"] == name
        assert [entry["hosts"] for entry in one.spec["tls"]] == [[host] for host in hosts(one)], "nothing without TLS"
    for system in {room for room, _ in found}:
        own = [host for (room, _), one in found.items() if room == system for host in hosts(one)]
        first = f"{system}.{FLEET.province.domain}"
        assert first in own
        assert all(host.endswith(f".{first}") for host in own if host != first)
    assert "document-gateway" not in {room for room, _ in found}, "no user comes to it"


def test_what_the_internet_does_not_come_to_is_not_shown_to_it_with_the_rest_of_its_system() -> None:
    """Everybody reads the portal; its editors sit inside."""
    found = ingresses(made(Provided.INGRESS))
    domain = FLEET.province.domain
    assert hosts(found["portal", "internet"]) == [f"portal.{domain}"]
    assert hosts(found["portal", "tslcd"]) == [f"editor.portal.{domain}"]
    assert ("one-stop", "internet") not in found


def test_every_name_stands_once_in_the_province() -> None:
    names = [one.host for system in FLEET.systems.values() for one in exposed_names(system, FLEET.province.domain)]
    assert len(names) == len(set(names))


def test_without_an_entrance_no_name_is_promised() -> None:
    assert ingresses(made()) == {}
