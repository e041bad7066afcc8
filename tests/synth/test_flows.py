"""What may be connected inside a cluster is exactly what the systems' flows say: no more, no less, at both ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from infra.components.proof_of_life import PROOF
from infra.policy.record import Declared
from infra.programs.platform import SOFTWARE
from province.fleet.connections import Pods, connections_at
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, LAYERS, MIGRATION
from province.fleet.load import load_fleet
from province.fleet.site import Site
from province.fleet.system import ComponentKind, System, end_of

from .conftest import ENVIRONMENTS, stack_of, synthesise

SITES = [(environment, site.id) for environment in ENVIRONMENTS for site in load_fleet(environment).data_centres]
OF_EVERY_ROOM = {"default-deny", "name-resolution"}
PART_OF, COMPONENT = "app.kubernetes.io/part-of", "app.kubernetes.io/component"


class Way(NamedTuple):
    """A connection as two policies spell it; a component of None stands for every pod of its room."""

    origin: tuple[str, str | None]
    target: tuple[str, str | None]
    protocol: str
    port: int


class Cluster(NamedTuple):
    """All policies of one site's cluster that open something inside, and the model behind them."""

    fleet: Fleet
    site: Site
    policies: list[Declared]


@pytest.fixture(params=SITES, ids=".".join)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    environment, name = request.param
    fleet = load_fleet(environment)
    stacks = [stack_of(environment, name, layer) for layer in LAYERS if layer not in {CLUSTER, MIGRATION}]
    return Cluster(fleet, fleet.sites[name], [one for stack in stacks for one in opening(stack.objects, stack.systems)])


def opening(objects: list[Declared], systems: tuple[System, ...]) -> list[Declared]:
    """The policies that flows have made.

    Proofs of life, what the cluster runs for itself and the servers of a database have doors beside them.
    """
    proofs = {
        (system.id, name)
        for system in systems
        for name, one in system.components.items()
        if one.image == PROOF or system.id in SOFTWARE
    } | {(str(one.namespace), f"{one.name}-servers") for one in objects if one.kind == "Cluster"}
    return [
        one
        for one in objects
        if one.kind == "NetworkPolicy" and one.name not in OF_EVERY_ROOM and (one.namespace, one.name) not in proofs
    ]


def pods(namespace: str, selector: Mapping[str, Any]) -> tuple[str, str | None]:
    """The room and component that a selector means; it may mean nothing else."""
    labels = selector.get("matchLabels")
    if labels is None:
        assert selector == {}
        return namespace, None
    assert labels == {PART_OF: namespace, COMPONENT: labels[COMPONENT]}
    return namespace, labels[COMPONENT]


def way(policy: Declared, direction: str, side: str) -> Way:
    """The one connection that a policy opens at its own end."""
    assert policy.spec["policyTypes"] == [direction]
    assert ("ingress" in policy.spec) != ("egress" in policy.spec)
    (opened,) = policy.spec[direction.lower()]
    (peer,) = opened[side]
    (port,) = opened["ports"]
    own = pods(str(policy.namespace), policy.spec["podSelector"])
    room = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    other = pods(room, peer["podSelector"])
    origin, target = (own, other) if direction == "Egress" else (other, own)
    return Way(origin, target, port["protocol"], port["port"])


def declared(fleet: Fleet, site: Site) -> set[Way]:
    """What the files of the site's systems say, read without the code under test."""
    here = {system.id: system for system in fleet.systems_at(site)}
    found = set()
    for system in here.values():
        for flow in system.flows:
            origin, end = end_of(flow.origin), end_of(flow.to)
            beside = {name for name, one in system.components.items() if one.kind is ComponentKind.HOSTS}
            outside = str(origin.kind) in {"zone", "external"} or origin.name in beside
            room = system.id if str(end.kind) == "component" else end.name
            component = end.name if str(end.kind) == "component" else end.component
            if str(end.kind) in {"zone", "external"} or room not in here or component is None:
                continue
            if here[room].components[component].kind is ComponentKind.HOSTS:
                continue
            port = here[room].components[component].listens_on
            opener = ("ingress", None) if outside else (system.id, origin.name)
            assert port is not None
            found.add(Way(opener, (room, component), here[room].components[component].protocol.upper(), port))
    return found


@pytest.mark.proves("systems")
def test_each_declared_flow_is_opened_at_both_ends_and_nothing_else_is(cluster: Cluster) -> None:
    sent = [way(one, "Egress", "to") for one in cluster.policies if "egress" in one.spec]
    received = [way(one, "Ingress", "from") for one in cluster.policies if "ingress" in one.spec]
    expected = declared(cluster.fleet, cluster.site)
    assert len(expected) > 30
    assert sorted(sent, key=str) == sorted(expected, key=str)
    assert sorted(received, key=str) == sorted(expected, key=str)


def test_every_policy_says_why_and_where_that_is_declared(cluster: Cluster) -> None:
    domain = cluster.fleet.province.domain
    reasons = {}
    for one in cluster.policies:
        annotations = one.body["metadata"]["annotations"]
        assert annotations[f"{domain}/why"]
        assert (cluster.fleet.root.parent / annotations[f"{domain}/flow-declared-in"]).is_file()
        reasons[one.namespace, one.name] = annotations[f"{domain}/why"]
    said = "send and receive documents of other agencies"
    assert reasons["e-office", "documents-to-document-gateway-intake"] == said
    assert reasons["document-gateway", "intake-from-e-office-documents"] == said


def test_users_of_several_zones_come_through_one_door(cluster: Cluster) -> None:
    ends = (Pods("ingress"), Pods("e-office", "web"))
    (door,) = [one for one in connections_at(cluster.fleet, cluster.site) if (one.origin, one.target) == ends]
    assert door.why == "users of zone users; users of zone internal"


def test_a_flow_whose_far_end_has_no_room_here_opens_nothing() -> None:
    fleet = load_fleet("production")
    recovery = fleet.data_centres[1]
    away = {one.target.room for one in connections_at(fleet, recovery)} | {
        one.origin.room for one in connections_at(fleet, recovery)
    }
    assert away <= {system.id for system in fleet.systems_at(recovery)} | {"ingress"}


def changed(fleet: Fleet, system: System, **changes: Any) -> Fleet:
    return replace(fleet, systems={**fleet.systems, system.id: system.model_copy(update=changes)})


def test_one_flow_less_closes_exactly_its_two_policies() -> None:
    fleet = load_fleet("lab")
    site = fleet.primary_site
    system = fleet.systems["e-office"]
    gone = next(flow for flow in system.flows if flow.to == "system/signing/api")
    fewer = changed(fleet, system, flows=tuple(flow for flow in system.flows if flow is not gone))
    before = synthesise(fleet, site, "systems-government").registrations
    after = synthesise(fewer, site, "systems-government").registrations
    assert {one.name for one in before} - {one.name for one in after} == {
        "e-office/NetworkPolicy/documents-to-signing-api",
        "signing/NetworkPolicy/api-from-e-office-documents",
    }
    assert len(before) - len(after) == 2


def endpoint(fleet: Fleet, **changes: Any) -> Fleet:
    (known,) = [one for one in fleet.endpoints.values() if one.id == "payment-platform"]
    return replace(fleet, endpoints={**fleet.endpoints, known.id: known.model_copy(update=changes)})


def leaving(fleet: Fleet) -> list[Declared]:
    objects = synthesise(fleet, fleet.primary_site, "systems-government").objects
    return [one for one in objects if one.kind == "NetworkPolicy" and "external" in str(one.name)]


@pytest.mark.parametrize("known", [{}, {"host": "pay.example", "port": 443}, {"host": "192.0.2.7", "port": None}])
def test_the_way_out_stays_shut_while_the_address_is_not_known(known: dict[str, Any]) -> None:
    assert leaving(endpoint(load_fleet("lab"), **known)) == []


@pytest.mark.parametrize(("host", "block"), [("192.0.2.7", "192.0.2.7/32"), ("2001:db8::7", "2001:db8::7/128")])
def test_the_way_out_leads_to_the_endpoint_alone(host: str, block: str) -> None:
    found = leaving(endpoint(load_fleet("lab"), host=host, port=8443))
    assert found
    for one in found:
        (opened,) = one.spec["egress"]
        assert one.spec["policyTypes"] == ["Egress"]
        assert opened == {"to": [{"ipBlock": {"cidr": block}}], "ports": [{"protocol": "TCP", "port": 8443}]}
        assert one.spec["podSelector"]["matchLabels"][PART_OF] == one.namespace
