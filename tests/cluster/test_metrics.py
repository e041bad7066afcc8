"""How busy nodes and pods are can be asked of every cluster, and kubelets are believed by their certificates."""

from __future__ import annotations

import json
from time import monotonic

import pytest

from infra.components.metrics_server import GROUP, VERSION
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet

from .conftest import ENVIRONMENT, LiveStack, live_stack

pytestmark = pytest.mark.lab

FIRST_FIGURES_S = 120
"""Two rounds of questions must be over before a first figure is known."""


@pytest.fixture(params=[site.id for site in load_fleet(ENVIRONMENT).data_centres])
def stack(request: pytest.FixtureRequest, settings: dict[str, str]) -> LiveStack:
    """The platform of every site."""
    return live_stack((request.param, PLATFORM), settings)


def figures(stack: LiveStack, what: str) -> dict[str, dict[str, str]]:
    """What is used by name: of a node itself, of a pod by its first container."""
    items = json.loads(stack.kubectl("get", "--raw", f"/apis/{GROUP}/{VERSION}/{what}"))["items"]
    return {one["metadata"]["name"]: one.get("usage") or one["containers"][0]["usage"] for one in items}


@pytest.mark.proves("platform/metrics")
def test_every_node_and_every_pod_of_the_control_plane_has_its_figures(platform_stack: LiveStack) -> None:
    platform_stack.kubectl("wait", "--for=condition=Available", f"apiservice/{VERSION}.{GROUP}", "--timeout=120s")
    nodes = {one.name for one in platform_stack.live("nodes")}
    pods = {str(one.name) for one in platform_stack.live("pods") if str(one.name).startswith("kube-apiserver-")}
    end = monotonic() + FIRST_FIGURES_S
    while not (nodes == set(figures(platform_stack, "nodes")) and pods <= set(figures(platform_stack, "pods"))):
        assert monotonic() < end, platform_stack.kubectl("-n", "metrics", "logs", "deployment/server", "--tail=20")
    for used in [*figures(platform_stack, "nodes").values(), *(figures(platform_stack, "pods")[pod] for pod in pods)]:
        assert used["cpu"] != "0"
        assert int(used["memory"].removesuffix("Ki")) > 1024
