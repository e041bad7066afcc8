"""The relay of the model: queues large enough, hubs where a majority can be told, domains apart."""

from __future__ import annotations

import dataclasses

import pytest
from pydantic import ValidationError

from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.province import Province
from province.fleet.relay import Relay
from province.fleet.sizing import size
from province.manifest.build import Builder
from province.manifest.relay import hubs_of
from province.manifest.trust import stand_in


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


def hub(fleet: Fleet, site: str) -> Host:
    return next(host for host in fleet.hosts_of(site) if host.host_class == "services")


def test_a_queue_holds_what_the_sizing_table_gives_a_node(fleet: Fleet) -> None:
    """Documents of a working day, each of the size that the table assumes, over all nodes."""
    rules = fleet.province.relay
    documents = float(size(fleet)["documents-a-day"].quantity.value)
    each = float(fleet.assumptions.assumptions["document-size"].times or 0)
    a_day = documents * each / len(fleet.nodes)
    assert a_day <= rules.node_mb_a_day < 1.1 * a_day
    assert rules.queue_mb >= rules.hours / 24 * a_day
    assert rules.hours >= 72


def test_three_hubs_work_together_and_fewer_alone(fleet: Fleet) -> None:
    hosts = tuple(fleet.hosts_of("rach-gia"))
    assert [len(hubs_of(hosts[:count])) for count in range(6)] == [0, 1, 1, 3, 3, 3]


def test_a_cluster_of_three_keeps_every_copy_three_times(fleet: Fleet) -> None:
    """Rendered where the model has three: routes to the two others, one name for all, doors between them."""
    site = fleet.sites["rach-gia"]
    groups = {
        role: group.model_copy(update={"count": 3}) if role == "services" else group
        for role, group in site.hosts.items()
    }
    wide = dataclasses.replace(fleet, sites={**fleet.sites, "rach-gia": site.model_copy(update={"hosts": groups})})
    manifest = Builder(wide, stand_in(wide)).build(wide.hosts["rach-gia-services-2"])
    config = manifest.files["/etc/relay/party.conf"].content
    assert 'domain: "rach-gia"' in config
    assert config.count("nats-route://") == 2
    assert "rach-gia-services-2.an-giang.example:6223" not in config
    assert '"num_replicas": 3' in manifest.files["/etc/relay/party.json"].content
    doors = {one.port: one.source for one in manifest.listens if one.capability == "relay"}
    assert doors[6223] == ("services",)
    node = Builder(wide, stand_in(wide)).build(wide.hosts["phu-quoc-party"])
    assert node.files["/etc/relay/party.conf"].content.count("tls://") == 4
    assert '"rach-gia"' in node.files["/etc/relay/party.json"].content


def test_domains_share_no_door(fleet: Fleet) -> None:
    """Each port of a hub is for the addresses of its own domain alone."""
    manifest = Builder(fleet, stand_in(fleet)).build(hub(fleet, "rach-gia"))
    plan = fleet.province.addressing.bodies
    doors = {one.port: one.ipv4 for one in manifest.listens if one.capability == "relay"}
    rules = fleet.province.relay.domains
    assert doors == {rules[domain].hub_port: (str(plan[domain].ipv4),) for domain in RoutingDomain}


@pytest.mark.parametrize(
    ("party", "problem"),
    [
        ({"uid": 820, "client_port": 4223, "hub_port": 7423, "cluster_port": 6223}, "uid 820 is given twice"),
        ({"uid": 821, "client_port": 4223, "hub_port": 7422, "cluster_port": 6223}, "port 7422 is given twice"),
        (None, "no row for party"),
    ],
)
def test_what_domains_share_is_an_error(fleet: Fleet, party: dict[str, int] | None, problem: str) -> None:
    facts = fleet.province.relay.model_dump(mode="json")
    facts["domains"] = {"government": facts["domains"]["government"], **({"party": party} if party else {})}
    with pytest.raises(ValidationError, match=problem):
        Relay.model_validate(facts)
    assert Province.model_fields["relay"].is_required()
