"""The entrances of a site: where they stand, who may come, and what each of them may know."""

from __future__ import annotations

from functools import cache

import pytest

from infra.policy.record import Declared
from province.fleet.exposed import DOORS, exposed_at
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import ENTRANCE
from province.fleet.site import Duty, Provided
from province.fleet.system import Exposure

from .conftest import STACKS, Synth, offering, synthesise


@cache
def platform_of(environment: str, site: str) -> Synth:
    """A site's platform where an entrance is offered, made once for all tests."""
    fleet = load_fleet(environment)
    return synthesise(*offering(fleet, fleet.sites[site], provides=(Provided.INGRESS,)), PLATFORM)


@pytest.fixture(params=sorted({one[:2] for one in STACKS}), ids=".".join)
def platform(request: pytest.FixtureRequest) -> Synth:
    """The platform of every site in every environment."""
    return platform_of(*request.param)


def pod(synth: Synth, exposure: Exposure) -> Declared:
    return synth.object("DaemonSet", ENTRANCE, exposure.value)


def keys(synth: Synth, exposure: Exposure) -> set[str]:
    """The secrets that an entrance may read, by name."""
    (role,) = [one for one in synth.objects if (one.kind, one.name) == ("ClusterRole", f"{ENTRANCE}-{exposure.value}")]
    (rule,) = [one for one in role.body["rules"] if "secrets" in one["resources"]]
    return set(rule["resourceNames"])


def test_an_entrance_reads_the_keys_of_the_names_that_it_serves_and_no_other_secret(platform: Synth) -> None:
    names = list(exposed_at(platform.fleet, platform.site))
    assert keys(platform, Exposure.TSLCD) == {one.secret for one in names}
    public = {one.secret for one in names if one.exposure is Exposure.INTERNET}
    assert keys(platform, Exposure.INTERNET) == public
    assert not public & {one.secret for one in names if one.exposure is Exposure.TSLCD}


def test_the_public_entrance_serves_what_is_public_behind_a_firewall(platform: Synth) -> None:
    public, inner = (pod(platform, one).containers[0]["args"] for one in (Exposure.INTERNET, Exposure.TSLCD))
    assert {"-class=internet", "-guard=internet"} <= set(public)
    assert "-class=tslcd" not in public
    assert {"-class=internet", "-class=tslcd", "-guard=internet"} <= set(inner)
    assert "-guard=tslcd" not in inner


def test_entrances_stand_where_users_are_sent_to_and_share_nothing_but_their_ports(platform: Synth) -> None:
    wanted = {"lab": "control-plane", "production": "ingress"}[platform.fleet.environment.id]
    for exposure, doors in DOORS.items():
        one = pod(platform, exposure)
        assert one.pod
        assert one.pod["nodeSelector"] == {f"node-role.kubernetes.io/{wanted}": ""}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & one.pod.keys()
        assert [port["hostPort"] for port in one.containers[0]["ports"]] == [doors.https, doors.http, doors.figures]
        assert one.containers[0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert one.pod["securityContext"]["runAsNonRoot"]


def test_the_inner_entrance_is_for_addresses_of_the_province_alone(platform: Synth) -> None:
    policy = platform.object("NetworkPolicy", ENTRANCE, Exposure.TSLCD.value)
    plan = platform.fleet.province.addressing
    known = {str(network) for pair in (*plan.bodies.values(), plan.sites) for network in (pair.ipv4, pair.ipv6)}
    way, _ = policy.spec["ingress"]
    assert {peer["ipBlock"]["cidr"] for peer in way["from"]} == known


def test_figures_are_for_the_watchers_of_the_site_alone(platform: Synth) -> None:
    here = platform.fleet.hosts_of(platform.site.id)
    watchers = [host for host in here if Duty.MONITORING in host.duties]
    known = {str(address) for host in watchers for one in host.interfaces for address in one.address.plain}
    for exposure in DOORS:
        users, figures = platform.object("NetworkPolicy", ENTRANCE, exposure.value).spec["ingress"]
        assert {peer["ipBlock"]["cidr"].partition("/")[0] for peer in figures["from"]} == known
        assert [one["port"] for one in figures["ports"]] == [9090]
        assert 9090 not in [one["port"] for one in users["ports"]]


def test_no_key_is_in_a_stack(platform: Synth) -> None:
    assert not [one for one in platform.objects if one.kind == "Secret"]
