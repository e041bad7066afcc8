"""What each stack registers is what the model declares: no more, no less, under the model's names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from infra import quantity
from infra.objects import Kind
from infra.policy.rules import violations
from infra.programs.systems import delivered
from province.fleet.load import load_fleet
from province.fleet.system import System
from province.toolchain import pins

from .conftest import Synth, synthesise

MOST_IN_A_STACK = 300
IN_A_ROOM = {
    ("Namespace", ""),
    ("ResourceQuota", "system"),
    ("LimitRange", "containers"),
    ("NetworkPolicy", "default-deny"),
    ("NetworkPolicy", "name-resolution"),
}


@pytest.mark.proves("systems")
def test_every_system_of_the_site_has_its_guarded_room_and_nothing_else_is_there(synth: Synth) -> None:
    rooms = [one.name for one in synth.objects if one.kind == "Namespace"]
    assert sorted(str(room) for room in rooms) == sorted(system.id for system in synth.systems)
    for system in synth.systems:
        here = {
            (one.kind, "" if one.kind == "Namespace" else one.name)
            for one in synth.objects
            if one.namespace == system.id
        }
        proofs = {(kind, name) for name in delivered(system) for kind in ("Deployment", "Service", "NetworkPolicy")}
        assert here == IN_A_ROOM | proofs


def test_every_system_with_a_room_stands_at_a_site() -> None:
    fleet = load_fleet("production")
    placed = {system.id for site in fleet.data_centres for system in fleet.systems_at(site)}
    beside = {
        system.id
        for system in fleet.systems.values()
        if system.has_room and not {"primary", "recovery"} & set(system.placed_in(fleet.tiers))
    }
    assert placed | beside == {system.id for system in fleet.systems.values() if system.has_room}


def test_every_object_of_a_system_carries_its_marks(synth: Synth) -> None:
    key = synth.words.key
    systems = {system.id: system for system in synth.systems}
    versions = {kind.kind: kind.api_version for kind in Kind}
    for one in synth.objects:
        assert one.body["apiVersion"] == versions[one.kind]
        system = systems[str(one.namespace)]
        expected = {
            "app.kubernetes.io/part-of": system.id,
            "app.kubernetes.io/managed-by": "pulumi",
            key("owner"): system.owner,
            key("tier"): system.tier.value,
            key("level"): str(system.level),
            key("pillar"): system.pillar.value,
            key("data-class"): system.data.value,
            key("project06"): "true" if system.project06 else "false",
        }
        assert {label: one.labels.get(label) for label in expected} == expected
        annotations = one.body["metadata"]["annotations"]
        assert annotations[key("name")] == system.name.vi
        assert annotations[key("features")] == ",".join(str(row) for row in system.features)
        assert annotations[key("declared-in")].endswith(f"systems/{system.id}.yml")


def test_label_values_fit_what_kubernetes_allows(synth: Synth) -> None:
    for one in synth.objects:
        for name, value in one.labels.items():
            assert len(value) <= 63, (str(one), name)
            assert len(name.rpartition("/")[2]) <= 63


def amount(quantity: str) -> float:
    """A quantity as a number of cores, bytes or things."""
    units = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    unit = next((unit for unit in units if quantity.endswith(unit)), "")
    return float(quantity.removesuffix(unit)) * units.get(unit, 1)


def amounts(quantities: dict[str, str]) -> dict[str, float]:
    return {name: amount(quantity) for name, quantity in quantities.items()}


def test_a_quota_says_what_the_model_says(synth: Synth) -> None:
    for system in synth.systems:
        quota = system.quota_in(synth.fleet.tiers)
        assert amounts(synth.object("ResourceQuota", system.id, "system").spec["hard"]) == {
            "requests.cpu": quota.cpu_cores,
            "limits.cpu": quota.cpu_cores,
            "requests.memory": quota.memory_gib * 2**30,
            "limits.memory": quota.memory_gib * 2**30,
            "requests.storage": quota.storage_gib * 2**30,
            "pods": quota.pods,
        }


def test_containers_are_limited_as_the_tier_says(synth: Synth) -> None:
    for system in synth.systems:
        limits = synth.fleet.tiers[system.tier].containers
        usual = {"cpu": limits.default_cpu_millicores / 1000, "memory": limits.default_memory_mib * 2**20}
        (entry,) = synth.object("LimitRange", system.id, "containers").spec["limits"]
        assert entry["type"] == "Container"
        assert amounts(entry["default"]) == usual
        assert amounts(entry["defaultRequest"]) == usual
        most = {"cpu": limits.max_cpu_millicores / 1000, "memory": limits.max_memory_mib * 2**20}
        assert amounts(entry["max"]) == most


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (quantity.cpu(4000), "4"),
        (quantity.cpu(250), "250m"),
        (quantity.cpu(1500), "1500m"),
        (quantity.memory(128), "128Mi"),
        (quantity.memory(8192), "8Gi"),
        (quantity.memory(1024 * 1024), "1Ti"),
        (quantity.memory(1000 * 1024), "1000Gi"),
    ],
)
def test_quantities_are_written_as_the_api_server_writes_them(written: str, expected: str) -> None:
    """Its own form drops what divides (`8192Mi` comes back as `8Gi`), and a test of the live cluster would differ."""
    assert written == expected


def test_every_door_is_shut_but_the_one_to_name_resolution(synth: Synth) -> None:
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    for system in synth.systems:
        shut = synth.object("NetworkPolicy", system.id, "default-deny").spec
        assert shut == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        names = synth.object("NetworkPolicy", system.id, "name-resolution").spec
        assert names["podSelector"] == {}
        assert names["policyTypes"] == ["Egress"]
        ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
        assert names["egress"] == [{"to": [dns], "ports": ports}]


def test_namespaces_outlive_their_declaration(synth: Synth) -> None:
    namespaces = [one for one in synth.registrations if one.type == "kubernetes:core/v1:Namespace"]
    assert namespaces
    assert all(one.protected and one.retained for one in namespaces)


def test_every_name_is_given_and_stands_once(synth: Synth) -> None:
    in_pulumi = Counter((one.type, one.name) for one in synth.registrations)
    in_cluster = Counter((one.kind, one.namespace, one.name) for one in synth.objects)
    assert all(one.name for one in synth.objects)
    assert [*in_pulumi.values(), *in_cluster.values()] == [1] * (len(in_pulumi) + len(in_cluster))


def test_everything_stands_in_the_one_protected_cluster(synth: Synth) -> None:
    (provider,) = [one for one in synth.registrations if one.type == "pulumi:providers:kubernetes"]
    assert provider.name == f"cluster/{synth.site.id}"
    assert provider.protected
    assert provider.inputs["clusterIdentifier"]
    assert provider.inputs["enableServerSideApply"] == "true"
    assert provider.inputs["enableConfigMapMutable"] == "true"
    assert provider.inputs["enableSecretMutable"] == "true"
    assert provider.inputs["deleteUnreachable"] == "false"
    for one in synth.registrations:
        if one.is_object:
            assert f"::{provider.name}::" in one.provider, one.name


def test_waiting_is_bounded(synth: Synth) -> None:
    assert {one.create_within for one in synth.registrations if one.is_object} == {"3m"}


def test_a_stack_stays_small(synth: Synth) -> None:
    assert len(synth.registrations) <= MOST_IN_A_STACK


def test_no_rule_is_broken(synth: Synth) -> None:
    assert not [str(one) for one in violations(synth.objects, synth.words)]


def proofs(synth: Synth) -> list[tuple[System, str]]:
    found = [(system, name) for system in synth.systems for name in delivered(system)]
    assert found, "no system of this site has a component whose image we build"
    return found


def test_a_pod_of_our_own_proves_that_a_room_can_be_lived_in(synth: Synth) -> None:
    for system, name in proofs(synth):
        component = system.components[name]
        deployment = synth.object("Deployment", system.id, name).spec
        (container,) = deployment["template"]["spec"]["containers"]
        assert deployment["replicas"] == (component.replicas or 1)
        assert container["name"] == name
        assert container["image"] == pins.load().reference(str(component.image))
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["ports"] == [{"name": "http", "containerPort": component.port}]
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


def test_sizes_are_the_models(synth: Synth) -> None:
    """What the model leaves open is left to the room's limits."""
    (system, name), *_ = proofs(synth)
    component = system.components[name].model_copy(update={"cpu_millicores": 250, "memory_mib": 64, "replicas": 2})
    sized = system.model_copy(update={"components": {name: component}})
    fleet = replace(synth.fleet, systems={**synth.fleet.systems, system.id: sized})
    spec = synthesise(fleet, synth.site, "systems").object("Deployment", system.id, name).spec
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["replicas"] == 2
    assert container["resources"] == {side: {"cpu": "250m", "memory": "64Mi"} for side in ("requests", "limits")}


def test_only_the_sites_control_planes_may_ask_the_proof_of_life(synth: Synth) -> None:
    planes = [host for host in synth.fleet.hosts_of(synth.site.id) if host.host_class == "control-plane"]
    addresses = {str(address) for host in planes for device in host.interfaces for address in device.address.plain}
    for system, name in proofs(synth):
        (rule,) = synth.object("NetworkPolicy", system.id, name).spec["ingress"]
        assert {caller["ipBlock"]["cidr"].partition("/")[0] for caller in rule["from"]} == addresses
        assert {caller["ipBlock"]["cidr"].partition("/")[2] for caller in rule["from"]} == {"32", "128"}
        assert rule["ports"] == [{"protocol": "TCP", "port": system.components[name].port}]
