"""A component whose image we build runs in its room as the model declares it."""

from __future__ import annotations

import pytest

from infra.programs.systems import delivered
from province.fleet.layer import SYSTEMS
from province.fleet.system import System
from province.toolchain import pins

from .conftest import STACKS, Synth, stack_of

PROVEN = [one for one in STACKS if one[2] in SYSTEMS and any(map(delivered, stack_of(*one).systems))]


@pytest.fixture(params=PROVEN, ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """Every stack with a component whose image we build."""
    return stack_of(*request.param)


def proofs(synth: Synth) -> list[tuple[System, str]]:
    return [(system, name) for system in synth.systems for name in delivered(system)]


def test_every_site_of_every_environment_has_such_a_component() -> None:
    assert {one[:2] for one in PROVEN} == {one[:2] for one in STACKS}


def test_a_pod_of_our_own_proves_that_a_room_can_be_lived_in(synth: Synth) -> None:
    for system, name in proofs(synth):
        component = system.components[name]
        deployment = synth.object("Deployment", system.id, name).spec
        (container,) = deployment["template"]["spec"]["containers"]
        assert deployment["replicas"] == (component.replicas or 1)
        assert container["name"] == name
        assert container["image"] == pins.load().reference(str(component.image))
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["ports"] == [{"name": "http", "containerPort": component.port, "protocol": "TCP"}]
        assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert container["env"] == [
            {"name": "SYSTEM", "value": system.id},
            {"name": "SITE", "value": synth.site.id},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ]


def test_the_pod_is_nobody_and_cannot_write(synth: Synth) -> None:
    for system, name in proofs(synth):
        pod = synth.object("Deployment", system.id, name).spec["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["runAsGroup"] != 0
        assert [one["securityContext"]["readOnlyRootFilesystem"] for one in pod["containers"]] == [True]


def test_service_and_door_lead_to_the_pod(synth: Synth) -> None:
    for system, name in proofs(synth):
        selector = {"app.kubernetes.io/part-of": system.id, "app.kubernetes.io/component": name}
        deployment = synth.object("Deployment", system.id, name)
        service = synth.object("Service", system.id, name)
        door = synth.object("NetworkPolicy", system.id, name)
        assert deployment.spec["selector"] == {"matchLabels": selector}
        assert deployment.spec["template"]["metadata"]["labels"] == selector
        assert door.spec["podSelector"] == {"matchLabels": selector}
        assert door.spec["policyTypes"] == ["Ingress"]
        assert service.spec["type"] == "ClusterIP"
        assert service.spec["selector"] == selector
        (port,) = service.spec["ports"]
        assert (port["port"], port["targetPort"]) == (system.components[name].port, "http")
        for one in (deployment, service, door):
            assert one.labels["app.kubernetes.io/component"] == name


def test_the_door_is_there_before_the_pod_and_the_pod_before_the_service(synth: Synth) -> None:
    for system, name in proofs(synth):
        assert f"{system.id}/NetworkPolicy/{name}" in synth.registered("Deployment", system.id, name).after
        assert f"{system.id}/Deployment/{name}" in synth.registered("Service", system.id, name).after


def test_only_the_sites_control_planes_may_ask_the_proof_of_life(synth: Synth) -> None:
    planes = [host for host in synth.fleet.hosts_of(synth.site.id) if host.host_class == "control-plane"]
    addresses = {str(address) for host in planes for device in host.interfaces for address in device.address.plain}
    for system, name in proofs(synth):
        (rule,) = synth.object("NetworkPolicy", system.id, name).spec["ingress"]
        assert {caller["ipBlock"]["cidr"].partition("/")[0] for caller in rule["from"]} == addresses
        assert {caller["ipBlock"]["cidr"].partition("/")[2] for caller in rule["from"]} == {"32", "128"}
        assert rule["ports"] == [{"protocol": "TCP", "port": system.components[name].port}]
