"""What the model says a cluster is asked for is what the stacks really ask, container by container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.components.database import databases
from infra.marks import COMPONENT
from infra.policy.record import Declared
from infra.programs.platform import SOFTWARE
from infra.programs.systems import delivered
from province.fleet.fleet import Fleet
from province.fleet.layer import CLUSTER, LAYERS, MIGRATION, PLATFORM
from province.fleet.load import load_fleet
from province.fleet.requests import Ask, nodes_at, platform_pods, pods_of
from province.fleet.rooms import RUNNER
from province.fleet.site import Site

from .conftest import ENVIRONMENTS, Synth, stack_of

MAKERS = ("Deployment", "StatefulSet", "DaemonSet")
Asked = dict[tuple[str, str], tuple[int, Ask]]


def millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def mib(text: str) -> int:
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]]


def ask(requests: Mapping[str, str], usual: Mapping[str, str]) -> Ask:
    said = {**usual, **requests}
    return Ask(millicores(said["cpu"]), mib(said["memory"]))


def registered(synth: Synth) -> Iterator[tuple[tuple[str, str], tuple[int, Ask]]]:
    """What the objects of a stack ask at peak, by room and component."""
    most = {(one.namespace, one.name): one.spec["maxReplicas"] for one in of(synth, "HorizontalPodAutoscaler")}
    usual = {one.namespace: one.spec["limits"][0]["defaultRequest"] for one in of(synth, "LimitRange")}
    for one in synth.objects:
        place = (str(one.namespace), one.labels.get(COMPONENT, str(one.name)))
        if one.kind in MAKERS:
            (container,) = one.containers
            requests: dict[str, Any] = container.get("resources", {}).get("requests", {})
            count = most.get((one.namespace, one.name)) or one.spec.get("replicas") or on_each(synth, one)
            yield place, (count, ask(requests, usual[one.namespace]))
        elif one.kind == "Cluster":
            yield place, (one.spec["instances"], ask(one.spec["resources"]["requests"], {}))


def of(synth: Synth, kind: str) -> list[Declared]:
    return [one for one in synth.objects if one.kind == kind]


def on_each(synth: Synth, one: Declared) -> int:
    """On how many nodes a DaemonSet stands."""
    chosen = one.pod.get("nodeSelector", {}) if one.pod else {}
    roles = {label.rpartition("/")[2] for label in chosen}
    return sum(not roles or host.host_class in roles for host in nodes_at(synth.fleet, synth.site))


def modelled(fleet: Fleet, site: Site) -> Asked:
    """What the model says of the components that are delivered; shards are pods of no stack, but of a run."""
    asked: Asked = {}
    for pods in platform_pods(fleet, site):
        if pods.system in SOFTWARE.keys() - {RUNNER} and pods.component in delivered(fleet.platform[pods.system]):
            asked[pods.system, pods.component] = (pods.count, pods.each)
    for system in fleet.systems_at(site):
        there = {*delivered(system), *databases(system, fleet.tiers[system.tier], site)}
        for pods in pods_of(fleet, system):
            if pods.component in there:
                asked[system.id, pods.component] = (pods.count, pods.each)
    return asked


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_stacks_ask_what_the_model_says(environment: str) -> None:
    """But for pods that keep a volume while a system moves: those ask for next to nothing, and for a while."""
    fleet = load_fleet(environment)
    for site in fleet.data_centres:
        stacks = [stack_of(environment, site.id, layer) for layer in LAYERS if layer not in {CLUSTER, MIGRATION}]
        found = dict(item for synth in stacks for item in registered(synth))
        assert found == modelled(fleet, site)
        assert len(found) > len(fleet.rooms_at(site, PLATFORM)) // 2
