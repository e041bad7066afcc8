"""A component runs in the size, and with the care, that the model asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.policy.record import Declared
from province.fleet.load import load_fleet
from province.fleet.site import Provided
from province.fleet.system import Component

from .conftest import Synth, offering, synthesise

SYSTEM, NAME = "cloud-platform", "proof"
METRICS = (Provided.METRICS_SERVER,)


def made(provides: tuple[Provided, ...] = (), **changes: Any) -> Synth:
    """The stack of the system with its delivered component changed, in a cluster that provides something."""
    fleet = load_fleet("lab")
    system = fleet.systems[SYSTEM]
    component = Component.model_validate({**system.components[NAME].model_dump(), **changes})
    changed = system.model_copy(update={"components": {**system.components, NAME: component}})
    fleet = replace(fleet, systems={**fleet.systems, SYSTEM: changed})
    return synthesise(*offering(fleet, fleet.primary_site, provides=provides), "systems-technology")


def pods(synth: Synth, kind: str = "Deployment") -> dict[str, Any]:
    spec: dict[str, Any] = synth.object(kind, SYSTEM, NAME).spec["template"]["spec"]
    return spec


def of_component(synth: Synth, kind: str) -> list[Declared]:
    return [one for one in synth.objects if (one.kind, one.namespace, one.name) == (kind, SYSTEM, NAME)]


def test_sizes_are_the_models() -> None:
    synth = made(cpu_millicores=250, memory_mib=64, replicas=2)
    (container,) = pods(synth)["containers"]
    assert synth.object("Deployment", SYSTEM, NAME).spec["replicas"] == 2
    assert container["resources"] == {side: {"cpu": "250m", "memory": "64Mi"} for side in ("requests", "limits")}


def test_what_the_model_leaves_open_is_left_to_the_rooms_limits() -> None:
    (container,) = pods(made())["containers"]
    assert container["resources"] == {}


@pytest.mark.parametrize(("changes", "guarded"), [({}, False), ({"replicas": 2}, True), ({"most_replicas": 3}, True)])
def test_several_pods_are_spread_and_not_taken_away_together(changes: dict[str, Any], guarded: bool) -> None:
    synth = made(METRICS, **changes)
    places = [one["topologyKey"] for one in pods(synth).get("topologySpreadConstraints", [])]
    assert places == (["topology.kubernetes.io/zone", "kubernetes.io/hostname"] if guarded else [])
    assert [one.spec["maxUnavailable"] for one in of_component(synth, "PodDisruptionBudget")] == [1] * guarded


def test_the_number_of_pods_follows_the_load_where_it_is_measured() -> None:
    synth = made(METRICS, replicas=2, most_replicas=5)
    (scaler,) = of_component(synth, "HorizontalPodAutoscaler")
    assert (scaler.spec["minReplicas"], scaler.spec["maxReplicas"]) == (2, 5)
    assert scaler.spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    assert "replicas" not in synth.object("Deployment", SYSTEM, NAME).spec, "two would write the same field"


def test_without_measurements_the_number_is_the_declared_one() -> None:
    synth = made(replicas=2, most_replicas=5)
    assert of_component(synth, "HorizontalPodAutoscaler") == []
    assert synth.object("Deployment", SYSTEM, NAME).spec["replicas"] == 2


def test_what_stores_keeps_its_volume_in_the_systems_own_class() -> None:
    synth = made(storage_gib=2, storage_at="/srv/data")
    (claim,) = synth.object("StatefulSet", SYSTEM, NAME).spec["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == f"system-{SYSTEM}"
    assert claim["spec"]["resources"] == {"requests": {"storage": "2Gi"}}
    pod = pods(synth, "StatefulSet")
    (container,) = pod["containers"]
    assert container["volumeMounts"] == [{"name": claim["metadata"]["name"], "mountPath": "/srv/data"}]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert of_component(synth, "Deployment") == []


def test_what_does_not_speak_http_is_asked_for_a_connection() -> None:
    (container,) = pods(made(port=5000))["containers"]
    assert container["readinessProbe"]["tcpSocket"] == container["livenessProbe"]["tcpSocket"] == {"port": "service"}


def test_what_nobody_calls_has_no_service() -> None:
    assert of_component(made(port=None), "Service") == []


def test_pods_keep_their_place_by_their_tier_and_run_by_name() -> None:
    pod = pods(made())
    assert pod["priorityClassName"] == f"tier-{load_fleet('lab').systems[SYSTEM].tier.lower()}"
    assert pod["runtimeClassName"] == "runc"
    assert pod["serviceAccountName"] == NAME
    (account,) = of_component(made(), "ServiceAccount")
    assert account.body["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"storage_gib": 1}, "says in `storage_at` where it wants it"),
        ({"storage_at": "/srv"}, "says in `storage_at` where it wants it"),
        ({"storage_gib": 1, "storage_at": "srv"}, "should match pattern"),
        ({"replicas": 3, "most_replicas": 3}, "`most_replicas` is more than `replicas`"),
    ],
)
def test_a_size_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        made(**wrong)
