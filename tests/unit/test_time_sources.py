"""Whose time hosts follow: enough servers, and somebody above them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.manifest.view import host_facts

from .conftest import Edit

SERVER = "rach-gia-services-1"
ENDPOINT = "  protocol: ntp\n"


def configuration(fleet: Fleet, name: str) -> str:
    return Builder(fleet, stand_in(fleet)).build(fleet.hosts[name]).files["/etc/chrony/chrony.conf"].content


def problems(data: Path, environment: str) -> str:
    with pytest.raises(BadData) as caught:
        load_fleet(environment, data)
    return str(caught.value)


@pytest.mark.parametrize("environment", ["lab", "production"])
def test_every_host_has_enough_servers_none_of_them_twice_and_never_itself(environment: str) -> None:
    fleet = load_fleet(environment)
    for host in fleet.hosts.values():
        facts: Any = host_facts(fleet, host)
        addresses = [server["ipv4"] for server in facts["time_servers"]]
        assert len(set(addresses)) == len(addresses) >= facts["clock_least_sources"], host.name
        assert host.name not in [server["name"] for server in facts["time_servers"]]


def test_too_few_servers_are_bad_data_which_says_for_whom(data: Path, edit: Edit) -> None:
    edit("lab/environment.yml", "    duties: {control-plane: [time]}\n", "")
    edit("lab/environment.yml", "    duties: {control-plane: [time]}\n", "")
    said = problems(data, "lab")
    assert "inventories/lab/environment.yml\n  sites: " in said
    assert "has 2 sources of time: nobody outvotes a wrong one; give the duty to more hosts, 3 for everybody" in said


def test_two_servers_of_one_site_are_not_enough_for_production(data: Path, edit: Edit) -> None:
    edit("fleet/sites/rach-gia.yml", "duties: [dns, time, logs", "duties: [dns, logs")
    assert "has 2 sources of time" in problems(data, "production")


def test_a_server_that_is_confirmed_is_followed_and_the_firewall_lets_it_be_asked(data: Path, edit: Edit) -> None:
    edit("fleet/endpoints.yml", ENDPOINT, ENDPOINT + "  host: 192.0.2.123\n")
    fleet = load_fleet("production", data)
    text = configuration(fleet, SERVER)
    assert "# national-clock\nserver 192.0.2.123 iburst" in text
    assert "local stratum 8 orphan\n" in text
    node = next(host for host in fleet.hosts.values() if host.host_class == "edge")
    assert "192.0.2.123" not in configuration(fleet, node.name), "nodes follow the servers of the province"
    rules = Builder(fleet, stand_in(fleet)).build(fleet.hosts[SERVER]).files["/etc/nftables.conf"].content
    assert "ip daddr { 192.0.2.123/32 } udp dport 123 counter accept" in rules


def test_a_time_server_outside_is_named_by_its_address_and_is_one(data: Path, edit: Edit) -> None:
    edit("fleet/endpoints.yml", ENDPOINT, ENDPOINT + "  host: time.example\n")
    assert "national-clock.host: is no address (is time.example)" in problems(data, "production")
    edit("production/environment.yml", "time_from: [national-clock]", "time_from: [national-resolver]")
    edit("fleet/endpoints.yml", "  host: time.example\n", "")
    assert "time_from: no such clock (is national-resolver)" in problems(data, "production")


def test_only_a_host_without_a_clock_of_its_own_hands_on_the_machines(data: Path, edit: Edit) -> None:
    text = configuration(load_fleet("lab"), SERVER)
    assert ("local stratum 8\n" in text, "\nserver " in text, "driftfile" in text) == (True, False, False)
    edit("production/environment.yml", "time_from: [national-clock]", "time_from: machine")
    assert "a host that sets its clock itself has no machine's" in problems(data, "production")


def test_who_does_a_duty_only_here_does_its_own_too(data: Path, edit: Edit) -> None:
    edit(
        "lab/environment.yml",
        "    duties: {control-plane: [time]}\n",
        "    duties: {services: [time], control-plane: [time]}\n",
    )
    lab = load_fleet("lab", data)
    assert lab.hosts["rach-gia-services-1"].duties == lab.hosts["long-xuyen-services-1"].duties
