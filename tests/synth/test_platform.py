"""What a cluster runs for itself: where it is declared, with which rights, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from province.fleet.layer import PLATFORM
from province.fleet.rooms import DATABASES, METRICS, NETWORK_POLICY, VOLUMES
from province.fleet.site import Provided

from .conftest import STACKS, Synth, stack_of


@pytest.fixture(params=[one for one in STACKS if one[2] == PLATFORM], ids=".".join)
def synth(request: pytest.FixtureRequest) -> Synth:
    """The layer of the platform of every cluster."""
    return stack_of(*request.param)


def places(synth: Synth, kind: str) -> set[tuple[str | None, str | None]]:
    return {(one.namespace, one.name) for one in synth.objects if one.kind == kind}


def container(synth: Synth, kind: str, room: str, name: str) -> dict[str, Any]:
    pod = synth.object(kind, room, name).pod
    assert pod is not None
    found: dict[str, Any] = pod["containers"][0]
    return found


def test_policies_are_enforced_by_ours_where_the_network_engine_does_not(synth: Synth) -> None:
    assert synth.site.cluster is not None
    on_a_bridge = synth.site.cluster.network_engine == "bridge"
    assert ((NETWORK_POLICY, "engine") in places(synth, "DaemonSet")) == on_a_bridge
    assert ((None, NETWORK_POLICY) in places(synth, "ClusterRole")) == on_a_bridge
    assert any(one.namespace == NETWORK_POLICY for one in synth.objects) == on_a_bridge


def test_the_engine_may_change_the_packet_filter_and_nothing_else() -> None:
    synth = stack_of("lab", "rach-gia", PLATFORM)
    rights = container(synth, "DaemonSet", NETWORK_POLICY, "engine")["securityContext"]
    assert rights["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert rights["readOnlyRootFilesystem"]
    assert rights["allowPrivilegeEscalation"] is False
    (role,) = [one for one in synth.objects if one.kind == "ClusterRole" and one.name == NETWORK_POLICY]
    assert {verb for rule in role.body["rules"] for verb in rule["verbs"]} == {"list", "watch"}


def test_the_engine_runs_on_every_node() -> None:
    pod = stack_of("lab", "rach-gia", PLATFORM).object("DaemonSet", NETWORK_POLICY, "engine").pod
    assert pod is not None
    assert pod["tolerations"] == [{"operator": "Exists"}]


def test_software_stands_where_the_model_says_that_the_cluster_provides_it(synth: Synth) -> None:
    assert synth.site.cluster is not None
    deployments = places(synth, "Deployment")
    for what, place in {
        Provided.LOCAL_PATH: (VOLUMES, "provisioner"),
        Provided.METRICS_SERVER: (METRICS, "server"),
        Provided.CLOUDNATIVE_PG: (DATABASES, "operator"),
    }.items():
        assert (place in deployments) == synth.site.cluster.offers(what)


def test_only_the_pod_that_makes_a_folder_is_root(synth: Synth) -> None:
    pod = synth.object("Deployment", VOLUMES, "provisioner").pod
    assert pod is not None
    assert pod["securityContext"]["runAsNonRoot"]
    settings = synth.object("ConfigMap", VOLUMES, "settings").body["data"]
    helper = json.loads(settings["helperPod.yaml"])["spec"]
    assert helper["containers"][0]["securityContext"]["runAsUser"] == 0
    assert helper["containers"][0]["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": ["DAC_OVERRIDE"],
    }
    assert not helper["automountServiceAccountToken"]


def test_kubelets_are_trusted_by_the_clusters_authority(synth: Synth) -> None:
    arguments = container(synth, "Deployment", METRICS, "server")["args"]
    assert any(word.startswith("--kubelet-certificate-authority=") for word in arguments)
    assert not any("insecure" in word for word in arguments)
