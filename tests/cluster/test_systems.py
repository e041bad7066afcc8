"""The clusters hold what the model declares, a pod answers in them, and changes by hand are found and mended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.marks import vocabulary
from infra.policy.ground import ground_of
from infra.policy.rules import violations
from infra.programs.systems import delivered
from province.fleet.layer import LAYERS
from province.fleet.system import System
from province.ops import stacks
from province.toolchain import pins

from .conftest import LiveStack, rooms

pytestmark = pytest.mark.lab

KINDS = ("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "Deployment", "Service")
REPAIR = ("up", "--yes", "--skip-preview", *stacks.REFRESHED)
FIND = ("refresh", "--preview-only", "--run-program", "--expect-no-changes", "--diff")


def of_kubernetes(namespace: str | None) -> bool:
    """Whether a namespace belongs to the cluster itself."""
    return namespace == "default" or str(namespace).startswith("kube-")


def missing(declared: Any, live: Any, path: str) -> list[str]:
    """Where something that is declared is not so in the cluster; what the cluster adds is its own business."""
    if isinstance(declared, Mapping):
        if not isinstance(live, Mapping):
            return [f"{path}: {live!r}"]
        return [text for key, value in declared.items() for text in missing(value, live.get(key), f"{path}.{key}")]
    if isinstance(declared, Sequence) and not isinstance(declared, str):
        if not isinstance(live, Sequence) or len(live) != len(declared):
            return [f"{path}: {live!r}"]
        return [
            text for n, (a, b) in enumerate(zip(declared, live, strict=True)) for text in missing(a, b, f"{path}.{n}")
        ]
    return [] if declared == live else [f"{path}: {live!r} instead of {declared!r}"]


@pytest.mark.proves("systems")
def test_the_cluster_holds_every_system_as_declared_and_no_other(stack: LiveStack) -> None:
    declared = stack.declared
    kinds = {one.kind for one in declared}
    live = {(one.kind, one.namespace, one.name): one for kind in kinds for one in stack.live(kind)}
    differences = []
    for one in declared:
        found = live.get((one.kind, one.namespace, one.name))
        differences += missing(one.body, found.body if found else None, str(one))
    assert differences == []
    namespaces = {one.name for one in stack.live("Namespace") if not of_kubernetes(one.name)}
    assert namespaces == {system.id for layer in LAYERS for system in rooms(stack.site.id, layer)}


def test_what_runs_in_the_cluster_breaks_no_rule(platform_stack: LiveStack) -> None:
    objects = [one for kind in (*KINDS, "Pod") for one in platform_stack.live(kind) if not of_kubernetes(one.namespace)]
    assert [str(one) for one in violations(objects, ground_of(platform_stack.fleet), datetime.now(UTC).date())] == []


def test_a_quota_is_counted(platform_stack: LiveStack) -> None:
    for quota in platform_stack.live("ResourceQuota"):
        assert quota.body["status"]["hard"] == quota.spec["hard"], str(quota)


def proofs(stack: LiveStack) -> list[tuple[System, str]]:
    return [(system, name) for system in stack.systems for name in delivered(system)]


def is_who_it_should_be(answer: str, stack: LiveStack, system: System, name: str) -> None:
    said = json.loads(answer)
    assert said["system"] == system.id
    assert said["site"] == stack.site.id
    assert said["pod"].startswith(f"{name}-")
    assert said["version"] == pins.load().artefact(str(system.components[name].image)).version


def test_a_pod_says_who_it_is_at_its_services_address(proven_stack: LiveStack) -> None:
    """The service's own address exists in the cluster only: a host of the cluster asks."""
    host = next(
        host for host in proven_stack.fleet.hosts_of(proven_stack.site.id) if host.host_class == "control-plane"
    )
    addresses = {(one.namespace, one.name): one.spec["clusterIP"] for one in proven_stack.live("Service")}
    for system, name in proofs(proven_stack):
        url = f"http://{addresses[system.id, name]}:{system.components[name].port}/"
        asked = ["ssh", host.name, "--", "curl", "--silent", "--show-error", "--max-time", "10", url]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        is_who_it_should_be(done.stdout, proven_stack, system, name)


def test_a_pod_says_who_it_is_through_the_api_server(proven_stack: LiveStack) -> None:
    for system, name in proofs(proven_stack):
        path = f"/api/v1/namespaces/{system.id}/services/{name}:http/proxy/"
        is_who_it_should_be(proven_stack.kubectl("get", "--raw", path), proven_stack, system, name)


def test_a_second_up_changes_nothing(stack: LiveStack) -> None:
    done = stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(stacks.counts(done.stdout)) == {"unchanged"}


def test_a_change_by_hand_is_found_with_its_field_and_repaired(proven_stack: LiveStack) -> None:
    system = proven_stack.systems[0]
    key = vocabulary(proven_stack.fleet).key("tier")
    proven_stack.kubectl("label", "namespace", system.id, f"{key}=by-hand", "--overwrite")
    try:
        found = proven_stack.pulumi(*FIND)
        assert found.returncode != 0
        assert f'{key}: "{system.tier}" => "by-hand"' in found.stdout
    finally:
        repaired = proven_stack.pulumi(*REPAIR)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    labels = json.loads(proven_stack.kubectl("get", "namespace", system.id, "-o", "json"))["metadata"]["labels"]
    assert labels[key] == system.tier
