"""What belongs to no namespace follows from the model too."""

from __future__ import annotations

import pytest

from infra.components.priority_classes import priority_class
from infra.components.storage_classes import storage_class
from province.fleet.layer import LAYERS
from province.fleet.site import Provided
from province.fleet.system import Exposure

from .conftest import STACKS, Synth, offering, stack_of, synthesise

NODES = ("control-plane", "worker", "ingress")


@pytest.fixture(params=[one for one in STACKS if one[2] == "cluster"], ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """The lowest layer of every cluster."""
    return stack_of(*request.param)


def test_each_tier_that_runs_on_clusters_has_its_priority(synth: Synth) -> None:
    found = {one.name: one.body for one in synth.objects if one.kind == "PriorityClass"}
    tiers = [tier for tier in synth.fleet.tiers.values() if tier.placement]
    assert {name: body["value"] for name, body in found.items()} == {
        priority_class(tier.id): tier.priority for tier in tiers
    }
    values = [found[priority_class(tier.id)]["value"] for tier in sorted(tiers, key=lambda one: one.id)]
    assert values == sorted(set(values), reverse=True), "what must be back first keeps its place longest"


def test_every_node_says_what_it_is_and_what_fails_with_it(synth: Synth) -> None:
    found = {one.name: one for one in synth.objects if one.kind == "Node"}
    nodes = [host for host in synth.fleet.hosts_of(synth.site.id) if host.host_class in NODES]
    assert set(found) == {host.name for host in nodes}
    for host in nodes:
        labels = found[host.name].labels
        assert labels[f"node-role.kubernetes.io/{host.host_class}"] == ""
        assert labels["topology.kubernetes.io/region"] == synth.site.id
        assert labels["topology.kubernetes.io/zone"] == f"{synth.site.id}-{host.rack}"
    racks = {rack.id for rack in synth.site.racks}
    workers = [host for host in nodes if host.host_class == "worker"]
    assert not workers or {host.rack for host in workers} == racks, "no rack holds all workers"


def test_of_a_node_only_our_labels_are_declared(synth: Synth) -> None:
    """The kubelet makes the object: were it ours, taking it out of the program would take out the node."""
    registered = [one for one in synth.registrations if one.inputs.get("kind") == "Node"]
    assert registered
    for one in registered:
        assert one.type == "kubernetes:core/v1:NodePatch"
        assert set(one.inputs) == {"apiVersion", "kind", "metadata"}


def test_storage_is_declared_where_somebody_makes_volumes(synth: Synth) -> None:
    none = synthesise(*offering(synth.fleet, synth.site, provides=()), "cluster")
    assert not [one for one in none.objects if one.kind == "StorageClass"]
    fleet, site = offering(synth.fleet, synth.site, provides=(Provided.LOCAL_PATH,))
    found = {one.name: one for one in synthesise(fleet, site, "cluster").objects if one.kind == "StorageClass"}
    rooms = [system for layer in LAYERS for system in fleet.rooms_at(site, layer)]
    own = {system.id for system in rooms if system.level >= 3}
    assert set(found) == {"shared", *(f"system-{id_}" for id_ in own)}
    assert {storage_class(system) for system in rooms} <= set(found)
    for one in found.values():
        assert one.body["provisioner"] == "rancher.io/local-path"
        assert one.body["reclaimPolicy"] == "Retain"
    for system in rooms:
        if system.level >= 3:
            assert found[f"system-{system.id}"].labels["app.kubernetes.io/part-of"] == system.id


def test_owners_share_a_small_part_of_the_api_server(synth: Synth) -> None:
    levels = {one.name: one.spec for one in synth.objects if one.kind == "PriorityLevelConfiguration"}
    schemas = {one.name: one.spec for one in synth.objects if one.kind == "FlowSchema"}
    assert set(levels) == set(schemas) == {"owners", "platform"}
    shares = {name: spec["limited"]["nominalConcurrencyShares"] for name, spec in levels.items()}
    assert shares["owners"] < shares["platform"]
    for name, spec in schemas.items():
        assert spec["priorityLevelConfiguration"]["name"] == name
        assert spec["distinguisherMethod"] == {"type": "ByUser"}
        assert 1000 <= spec["matchingPrecedence"] < 9000
    groups = {one["group"]["name"] for one in schemas["owners"]["rules"][0]["subjects"]}
    provider = synth.fleet.environment.identity_provider
    prefix = provider.prefix if provider else ""
    assert groups == {f"{prefix}{owner}" for owner in synth.fleet.owners}
    rooms = {one["serviceAccount"]["namespace"] for one in schemas["platform"]["rules"][0]["subjects"]}
    assert rooms == {part.id for part in synth.fleet.rooms_at(synth.site, "platform")}


def test_an_owner_sees_much_changes_nothing_and_reads_no_secret(synth: Synth) -> None:
    (role,) = [one for one in synth.objects if one.kind == "ClusterRole"]
    may = {
        (group, resource, verb)
        for rule in role.body["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert {verb for _, _, verb in may} == {"get", "list", "watch", "delete"}
    assert {one for one in may if one[2] == "delete"} == {("", "pods", "delete")}
    assert not {resource for _, resource, _ in may} & {"secrets", "pods/exec", "pods/attach", "pods/portforward", "*"}


def test_pods_find_their_runtime_by_name(synth: Synth) -> None:
    (runtime,) = [one for one in synth.objects if one.kind == "RuntimeClass"]
    assert (runtime.name, runtime.body["handler"]) == ("runc", "runc")


def test_each_network_of_users_has_its_own_entrance_where_one_is(synth: Synth) -> None:
    fleet, site = offering(synth.fleet, synth.site, provides=())
    assert not [one for one in synthesise(fleet, site, "cluster").objects if one.kind == "IngressClass"]
    fleet, site = offering(synth.fleet, synth.site, provides=(Provided.INGRESS,))
    found = [one for one in synthesise(fleet, site, "cluster").objects if one.kind == "IngressClass"]
    assert {one.name for one in found} == {Exposure.TSLCD, Exposure.INTERNET}
    assert len({one.spec["controller"] for one in found}) == 2
