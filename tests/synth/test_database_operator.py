"""The operator of databases: what it needs is there before it, and it may do and reach no more than its work asks."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from infra.components.database_operator import GROUP, RIGHTS
from province.fleet.layer import CLUSTER, PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import DATABASES
from province.fleet.site import Provided
from province.toolchain import kinds, pins

from .conftest import STACKS, Synth, offering, synthesise

OPERATOR = "operator"


@cache
def keeping(environment: str, site: str, layer: str) -> Synth:
    """A layer of a cluster that keeps databases."""
    fleet = load_fleet(environment)
    return synthesise(*offering(fleet, fleet.sites[site], provides=tuple(Provided)), layer)


@pytest.fixture(params=[one for one in STACKS if one[2] == PLATFORM], ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """The layer of the platform of every cluster."""
    return keeping(*request.param)


def container(synth: Synth) -> dict[str, Any]:
    pod = synth.object("Deployment", DATABASES, OPERATOR).pod
    assert pod is not None
    (found,) = pod["containers"]
    return dict(found)


def test_every_kind_that_it_may_touch_is_defined_a_layer_below() -> None:
    synth = keeping("lab", "rach-gia", CLUSTER)
    defined = {one.spec["names"]["plural"]: one for one in synth.objects if one.kind == "CustomResourceDefinition"}
    named = {one.partition("/")[0] for rule in RIGHTS if GROUP in rule["apiGroups"] for one in rule["resources"]}
    assert set(defined) == named == {one["spec"]["names"]["plural"] for one in kinds.read("cloudnative-pg")}
    for plural, one in defined.items():
        assert one.name == f"{plural}.{GROUP}"
        registered = next(found for found in synth.registrations if found.name.endswith(f"/{one.name}"))
        assert registered.protected
        assert registered.retained


def test_no_kind_is_defined_that_nobody_keeps(synth: Synth) -> None:
    without = synthesise(*offering(synth.fleet, synth.site, provides=()), CLUSTER)
    assert not [one for one in without.objects if one.kind == "CustomResourceDefinition"]


def test_api_servers_alone_call_it_and_it_calls_them_and_databases(synth: Synth) -> None:
    door = synth.object("NetworkPolicy", DATABASES, OPERATOR).spec
    planes = [host for host in synth.fleet.hosts_of(synth.site.id) if host.host_class == "control-plane"]
    addresses = {str(address) for host in planes for device in host.interfaces for address in device.address.plain}
    (calls,) = door["ingress"]
    to_planes, to_databases = door["egress"]
    for way, key, port in ((calls, "from", 9443), (to_planes, "to", 6443)):
        assert {block["ipBlock"]["cidr"].partition("/")[0] for block in way[key]} == addresses
        assert [one["port"] for one in way["ports"]] == [port]
    (databases,) = to_databases["to"]
    assert databases["podSelector"] == {"matchExpressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]}
    assert [one["port"] for one in to_databases["ports"]] == [8000]
    assert f"{DATABASES}/NetworkPolicy/{OPERATOR}" in synth.registered("Deployment", DATABASES, OPERATOR).after


def test_what_it_starts_comes_from_our_registry_whoever_forgets_to_say_so(synth: Synth) -> None:
    said = {one["name"]: one["value"] for one in container(synth)["env"]}
    assert said["OPERATOR_IMAGE_NAME"] == container(synth)["image"] == pins.load().reference("cloudnative-pg")
    assert said["POSTGRES_IMAGE_NAME"] == pins.load().reference("postgresql")
    assert said["OPERATOR_NAMESPACE"] == DATABASES


def test_it_finds_itself_and_its_service_by_the_names_that_it_knows(synth: Synth) -> None:
    """Its certificate is for this service, and belongs to the deployment with this label."""
    deployment = synth.object("Deployment", DATABASES, OPERATOR)
    assert deployment.labels["app.kubernetes.io/name"] == "cloudnative-pg"
    service = synth.object("Service", DATABASES, "cnpg-webhook-service").spec
    assert service["selector"].items() <= deployment.spec["template"]["metadata"]["labels"].items()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        (hooks,) = [one for one in synth.objects if one.kind == kind]
        for hook in hooks.body["webhooks"]:
            place = hook["clientConfig"]["service"]
            assert (place["namespace"], place["name"]) == (DATABASES, "cnpg-webhook-service")
            assert hook["failurePolicy"] == "Fail"


def test_with_more_than_one_node_the_loss_of_one_leaves_an_operator(synth: Synth) -> None:
    count = synth.object("Deployment", DATABASES, OPERATOR).spec["replicas"]
    budgets = [one for one in synth.objects if one.kind == "PodDisruptionBudget" and one.namespace == DATABASES]
    assert len(budgets) == count - 1
    assert "--leader-elect" in container(synth)["args"]
