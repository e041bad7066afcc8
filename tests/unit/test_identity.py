"""Who may enter which host from where, and what follows for sudo and PAM: rules about the rendered files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.requests import runner_nodes
from province.manifest.build import Builder
from province.manifest.peers import Peers
from province.manifest.prefixes import Prefixes
from province.manifest.trust import stand_in

from .conftest import Edit


@pytest.fixture(scope="module")
def builder(fleet: Fleet) -> Builder:
    return Builder(fleet, stand_in(fleet))


def of_class(fleet: Fleet, name: str) -> Host:
    return next(host for host in fleet.hosts.values() if host.host_class == name)


def allowed(builder: Builder, host: Host) -> dict[str, set[str]]:
    """The places that each account may come from, by sshd's configuration."""
    content = builder.build(host).files["/etc/ssh/sshd_config"].content
    found: dict[str, set[str]] = {}
    for name, place in re.findall(r"^AllowUsers (\S+?)@(\S+)$", content, re.MULTILINE):
        found.setdefault(name, set()).add(place)
    return found


def test_people_come_from_a_bastion_and_enter_a_bastion_from_the_management_zones(
    fleet: Fleet, builder: Builder
) -> None:
    person = fleet.environment.administrators[0].name
    bastions = {f"{host.management.ipv4.ip}/32" for host in fleet.hosts.values() if host.host_class == "bastion"}
    for host in (fleet.nodes[0], of_class(fleet, "gateway"), of_class(fleet, "worker")):
        assert {place for place in allowed(builder, host)[person] if "." in place} == bastions
    zones = set(Peers(fleet).resolve(("management",), fleet.nodes[0]).ipv4)
    assert {place for place in allowed(builder, of_class(fleet, "bastion"))[person] if "." in place} == zones


@pytest.mark.parametrize("environment", ["lab", "production"])
def test_automation_comes_from_the_place_that_the_environment_names(environment: str) -> None:
    fleet = load_fleet(environment)
    peers = Peers(fleet)
    bastions = {str(host.management.ipv4.ip) for host in fleet.hosts.values() if host.host_class == "bastion"}
    runners = {str(one.interfaces[0].address.ipv4.ip) for one in runner_nodes(fleet, fleet.primary_site)}
    expected = {"lab": {str(peers.station[0]), *runners}, "production": bastions}[environment]
    found = allowed(Builder(fleet, stand_in(fleet)), fleet.nodes[0])[fleet.environment.automation.name]
    assert {place.removesuffix("/32") for place in found if "." in place} == expected


def test_a_cluster_is_let_in_only_where_it_is_declared_and_by_the_address_with_which_its_pods_come() -> None:
    """In the management zone between sites; with the first address of its node at communes (docs/adr/0040)."""
    fleet = load_fleet("lab")
    builder = Builder(fleet, stand_in(fleet))
    (node,) = runner_nodes(fleet, fleet.primary_site)
    servers, management = node.interfaces[0].address.ipv4.ip, node.management.ipv4.ip
    automation = fleet.environment.automation.name
    for host, own, other in ((fleet.nodes[0], servers, management), (of_class(fleet, "gateway"), management, servers)):
        places = allowed(builder, host)[automation]
        assert f"{own}/32" in places
        assert f"{other}/32" not in places
    ruleset = builder.build(fleet.nodes[0]).files["/etc/nftables.conf"].content
    (opened,) = [line for line in ruleset.splitlines() if "tcp dport 22 " in line and "ip saddr" in line]
    assert f"{servers}" in opened
    assert Peers(load_fleet("production")).resolve(("runners",), fleet.nodes[0]) == Prefixes()


def test_only_automation_is_not_asked_by_sudo(fleet: Fleet, builder: Builder) -> None:
    rules = builder.build(fleet.nodes[0]).files["/etc/sudoers.d/10-administrators"].content
    granted = dict(re.findall(r"^(\S+) ALL=\(ALL:ALL\) (NOPASSWD|PASSWD): ALL$", rules, re.MULTILINE))
    environment = fleet.environment
    asked = {one.name for one in (*environment.administrators, environment.break_glass)}
    assert granted == {environment.automation.name: "NOPASSWD", **dict.fromkeys(asked, "PASSWD")}


def test_no_certificate_opens_the_sealed_account(fleet: Fleet, builder: Builder) -> None:
    for host in (fleet.nodes[0], of_class(fleet, "bastion")):
        files = builder.build(host).files
        sealed = fleet.environment.break_glass.name
        assert f"/etc/ssh/province/principals/{sealed}" not in files
        _, _, block = files["/etc/ssh/sshd_config"].content.partition(f"Match User {sealed}\n")
        assert "PubkeyAuthentication no" in block.partition("Match")[0]


def test_a_bastion_reaches_services_in_the_only_zone_that_it_has(fleet: Fleet) -> None:
    bastion, peers = of_class(fleet, "bastion"), Peers(fleet)
    everywhere = [one for one in fleet.hosts.values() if one.host_class == "services"]
    assert {one.site for one in everywhere} == {site.id for site in fleet.data_centres}
    for services in everywhere:
        assert peers.address(services, bastion) == services.interface("management").address
        assert peers.address(services, of_class(fleet, "worker")) == services.interfaces[0].address
        assert peers.address(services, fleet.nodes[0]) == services.interfaces[0].address


def test_two_accounts_with_one_number_are_refused(data: Path, edit: Edit) -> None:
    edit("lab/environment.yml", "uid: 2900", "uid: 2000")
    with pytest.raises(ProvinceError, match="two accounts have the same uid: 2000"):
        load_fleet("lab", root=data)


def test_what_a_platform_lacks_is_not_installed_and_its_files_are_there(fleet: Fleet) -> None:
    lab = load_fleet("lab")
    hardware = Builder(fleet, stand_in(fleet)).build(fleet.nodes[0])
    container = Builder(lab, stand_in(lab)).build(lab.nodes[0])
    assert {"auditd", "apparmor"} <= set(hardware.packages)
    assert {"auditd", "apparmor"} & set(container.packages) == set()
    rules = "/etc/audit/rules.d/audit.rules"
    assert rules in container.files
    assert "auditd.service" in hardware.units
    assert "auditd.service" not in container.units
