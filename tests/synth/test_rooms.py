"""Every system and every part of the platform has its guarded room, as the model says it, and none beside."""

from __future__ import annotations

import pytest

from infra.components.database import databases
from infra.objects import KUBE_SYSTEM
from infra.programs.systems import delivered
from province.fleet.load import load_fleet
from province.fleet.rooms import MOVES

from .conftest import Synth

IN_A_ROOM = {
    ("Namespace", ""),
    ("ResourceQuota", "system"),
    ("LimitRange", "containers"),
    ("NetworkPolicy", "default-deny"),
    ("NetworkPolicy", "name-resolution"),
    ("ServiceAccount", "default"),
    ("RoleBinding", "owner"),
}


@pytest.mark.proves("systems")
def test_every_system_of_the_site_has_its_guarded_room_and_nothing_else_is_there(rooms: Synth) -> None:
    found = [one.name for one in rooms.objects if one.kind == "Namespace"]
    assert sorted(str(room) for room in found) == sorted(system.id for system in rooms.systems)
    for system in rooms.systems:
        here = {
            (one.kind, "" if one.kind == "Namespace" else str(one.name))
            for one in rooms.objects
            if one.namespace == system.id
        }
        assert here >= IN_A_ROOM, system.id
        if not delivered(system):
            kept = databases(system, rooms.fleet.tiers[system.tier], rooms.site)
            kinds = {"NetworkPolicy", "Ingress", *(["Cluster"] if kept else [])}
            kinds |= {"ConfigMap", "Deployment", "PersistentVolumeClaim"} if system.id == MOVES else set()
            assert {kind for kind, _ in here - IN_A_ROOM} <= kinds, system.id


def test_every_system_with_a_room_stands_at_a_site() -> None:
    fleet = load_fleet("production")
    placed = {system.id for site in fleet.data_centres for system in fleet.systems_at(site)}
    beside = {
        system.id
        for system in fleet.systems.values()
        if system.has_room and not {"primary", "recovery"} & set(system.placed_in(fleet.tiers))
    }
    assert placed | beside == {system.id for system in fleet.systems.values() if system.has_room}


def test_every_object_of_a_system_carries_its_marks(rooms: Synth) -> None:
    key = rooms.words.key
    systems = {**rooms.fleet.systems, **rooms.fleet.platform}
    for one in rooms.objects:
        system = systems[one.labels["app.kubernetes.io/part-of"]]
        assert system in rooms.systems or rooms.words.key("move") in one.labels
        assert one.is_cluster_wide or one.namespace in {system.id, KUBE_SYSTEM}
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
        assert annotations[key("declared-in")].endswith(f"/{system.id}.yml")


def amount(quantity: str) -> float:
    """A quantity as a number of cores, bytes or things."""
    units = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    unit = next((unit for unit in units if quantity.endswith(unit)), "")
    return float(quantity.removesuffix(unit)) * units.get(unit, 1)


def amounts(quantities: dict[str, str]) -> dict[str, float]:
    return {name: amount(quantity) for name, quantity in quantities.items()}


def test_a_quota_says_what_the_model_says(rooms: Synth) -> None:
    for system in rooms.systems:
        quota = system.quota_in(rooms.fleet.tiers)
        assert amounts(rooms.object("ResourceQuota", system.id, "system").spec["hard"]) == {
            "requests.cpu": quota.cpu_cores,
            "limits.cpu": quota.cpu_cores,
            "requests.memory": quota.memory_gib * 2**30,
            "limits.memory": quota.memory_gib * 2**30,
            "requests.storage": quota.storage_gib * 2**30,
            "pods": quota.pods,
        }


def test_containers_are_limited_as_the_tier_says(rooms: Synth) -> None:
    for system in rooms.systems:
        limits = rooms.fleet.tiers[system.tier].containers
        usual = {
            "cpu": limits.default_cpu_millicores / 1000,
            "memory": limits.default_memory_mib * 2**20,
            "ephemeral-storage": limits.default_scratch_mib * 2**20,
        }
        (entry,) = rooms.object("LimitRange", system.id, "containers").spec["limits"]
        assert entry["type"] == "Container"
        assert amounts(entry["default"]) == usual
        assert amounts(entry["defaultRequest"]) == usual
        most = {
            "cpu": limits.max_cpu_millicores / 1000,
            "memory": limits.max_memory_mib * 2**20,
            "ephemeral-storage": limits.max_scratch_mib * 2**20,
        }
        assert amounts(entry["max"]) == most


def test_every_door_is_shut_but_the_one_to_name_resolution(rooms: Synth) -> None:
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    for system in rooms.systems:
        shut = rooms.object("NetworkPolicy", system.id, "default-deny").spec
        assert shut == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        names = rooms.object("NetworkPolicy", system.id, "name-resolution").spec
        assert names["podSelector"] == {}
        assert names["policyTypes"] == ["Egress"]
        ports = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
        assert names["egress"] == [{"to": [dns], "ports": ports}]


def test_namespaces_outlive_their_declaration(rooms: Synth) -> None:
    namespaces = [one for one in rooms.registrations if one.type == "kubernetes:core/v1:Namespace"]
    assert namespaces
    assert all(one.protected and one.retained for one in namespaces)


def test_pods_may_do_what_the_model_says(rooms: Synth) -> None:
    for system in rooms.systems:
        labels = rooms.object("Namespace", system.id, system.id).labels
        assert labels["pod-security.kubernetes.io/enforce"] == system.pod_security
        account = rooms.object("ServiceAccount", system.id, "default").body
        assert account["automountServiceAccountToken"] is False


def test_the_owners_group_has_the_owners_role_in_its_rooms_only(rooms: Synth) -> None:
    for system in rooms.systems:
        body = rooms.object("RoleBinding", system.id, "owner").body
        assert body["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system-owner",
        }
        (subject,) = body["subjects"]
        assert (subject["kind"], subject["name"]) == ("Group", f"{prefix_of(rooms)}{system.owner}")


def prefix_of(rooms: Synth) -> str:
    """What the API server puts before the names of groups that the province's identity provider vouches for."""
    return {"lab": "", "production": "staff:"}[rooms.fleet.environment.id]


def test_a_room_names_the_storage_that_is_its_own(rooms: Synth) -> None:
    """From level 3 on nobody else's (Decree 331/2026, Art. 30.8)."""
    key = rooms.words.key("storage-class")
    named = {system.id: rooms.object("Namespace", system.id, system.id).labels[key] for system in rooms.systems}
    for system in rooms.systems:
        assert named[system.id] == (f"system-{system.id}" if system.level >= 3 else "shared")
