"""The Job of a sharded run at Kubernetes' own API server, job controller and scheduler; nodes and pods are simulated.

What a shard does in its pod, and that pods reach hosts, is not shown here (tests/lab/test_shard_pods.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from bench.pulumi.control_plane import ControlPlane, control_plane, namespace
from province.errors import ProvinceError
from province.fleet.layer import CLUSTER, PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import RUNNER, SHARDS
from province.shards.kubernetes import Order, job
from tests.synth.conftest import synthesise
from tests.synth.runner_facts import CARRIED, STORE, ready

pytestmark = pytest.mark.soak

ADDRESS, PORT = IPv4Address("198.18.255.9"), 6443
NODES = ("one", "two", "three")
WITHIN_S = 60.0
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
BELOW = ("PriorityClass", "RuntimeClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
"""What of the layer `cluster` a pod, and the server that judges it, rest on."""


class Runner:
    """The runner's room in a live cluster."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.plane.kubectl(*words, "--namespace", RUNNER, stdin=stdin)

    def get(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *words, "--output", "json"))
        return found

    def order(self, run: str, shards: int) -> dict[str, Any]:
        """The Job of a run, from the template as the API server keeps it."""
        return job(self.get("cronjob", SHARDS), Order(run, f"{STORE.place}{run}", shards, CARRIED))

    def create(self, body: dict[str, Any]) -> str:
        return self.kubectl("create", "--validate=strict", "--filename", "-", stdin=json.dumps(body))

    def pods(self, run: str) -> dict[int, dict[str, Any]]:
        """The running pod of each shard."""
        found = self.get("pods", "--selector", f"batch.kubernetes.io/job-name={SHARDS}-{run}")["items"]
        return {
            int(one["metadata"]["annotations"][INDEX]): one
            for one in found
            if one["status"].get("phase") == "Running" and "deletionTimestamp" not in one["metadata"]
        }

    def end(self, pod: dict[str, Any], code: int, *, disrupted: bool = False) -> None:
        """What a kubelet says of a pod whose container ended; before it, who evicted it."""
        over = {
            "name": "shard",
            "image": "x",
            "imageID": "x",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}},
        }
        status: dict[str, Any] = {"phase": "Failed" if code else "Succeeded", "containerStatuses": [over]}
        if disrupted:
            status["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}]
        words = ("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge")
        self.kubectl(*words, "--patch", json.dumps({"status": status}))

    def replaced(self, run: str, old: dict[str, Any]) -> dict[str, Any]:
        """The pod that takes the place of one that ended."""
        index = int(old["metadata"]["annotations"][INDEX])
        pod = wait(
            lambda: (one := self.pods(run).get(index)) and one["metadata"]["uid"] != old["metadata"]["uid"] and one
        )
        assert isinstance(pod, dict)
        return pod

    def ended(self, run: str) -> tuple[str, str, dict[str, Any]]:
        """How a Job ended, why, and its whole status."""

        def look() -> tuple[str, str, dict[str, Any]] | None:
            status = self.get("job", f"{SHARDS}-{run}")["status"]
            kinds = {one["type"]: one for one in status.get("conditions", ()) if one["status"] == "True"}
            return next(
                ((kind, kinds[kind].get("reason", ""), status) for kind in ("Complete", "Failed") if kind in kinds),
                None,
            )

        found = wait(look)
        assert isinstance(found, tuple)
        return found


def wait(look: Callable[[], object]) -> object:
    """What a look gives as soon as it gives something."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    today = load_fleet("lab")
    fleet, site = ready(today, today.primary_site)
    below = [one.body for one in synthesise(fleet, site, CLUSTER).objects if one.kind in BELOW]
    room = [one.body for one in synthesise(fleet, site, PLATFORM).objects if one.namespace == RUNNER]
    folder: Path = tmp_path_factory.mktemp("plane") / "files"
    with namespace([ADDRESS]), control_plane(folder, ADDRESS, PORT, nodes=NODES) as plane:
        for bodies in (below, [one for one in room if one["kind"] == "Namespace"], room):
            listed = {"apiVersion": "v1", "kind": "List", "items": bodies}
            plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(listed))
        yield Runner(plane)


def test_the_template_waits_and_a_run_has_a_pod_for_each_shard(runner: Runner) -> None:
    assert runner.get("jobs")["items"] == []
    runner.create(runner.order("even", 3))
    assert wait(lambda: len(runner.pods("even")) == 3)
    pods = runner.pods("even")
    assert set(pods) == {0, 1, 2}
    assert {one["spec"]["nodeName"] for one in pods.values()} == set(NODES), "spread over nodes"
    said = {one["name"]: one.get("valueFrom") for one in pods[0]["spec"]["containers"][0]["env"]}
    assert INDEX in said["JOB_COMPLETION_INDEX"]["fieldRef"]["fieldPath"], "what `province shard run` takes for --index"
    with pytest.raises(ProvinceError, match="already exists"):
        runner.create(runner.order("even", 3))
    for pod in pods.values():
        runner.end(pod, 0)
    kind, _, status = runner.ended("even")
    assert (kind, status["completedIndexes"]) == ("Complete", "0-2")


def test_a_disruption_costs_no_try_and_a_fault_costs_one(runner: Runner) -> None:
    runner.create(runner.order("shaken", 2))
    assert wait(lambda: len(runner.pods("shaken")) == 2)
    first = runner.pods("shaken")
    runner.end(first[1], 137, disrupted=True)
    second = runner.replaced("shaken", first[1])
    assert second["metadata"]["annotations"][FAILURES] == "0"
    runner.end(second, 1)
    third = runner.replaced("shaken", second)
    assert third["metadata"]["annotations"][FAILURES] == "1"
    assert runner.pods("shaken")[0]["metadata"]["uid"] == first[0]["metadata"]["uid"], "the other went on"
    for pod in (first[0], third):
        runner.end(pod, 0)
    assert runner.ended("shaken")[0] == "Complete"


@pytest.mark.parametrize("code", [2, 3, 6])
def test_what_would_end_so_again_is_not_tried_again_and_ends_all(runner: Runner, code: int) -> None:
    run = f"bad-{code}"
    runner.create(runner.order(run, 2))
    assert wait(lambda: len(runner.pods(run)) == 2)
    runner.end(runner.pods(run)[1], code)
    kind, why, status = runner.ended(run)
    assert (kind, why, status["failedIndexes"]) == ("Failed", "MaxFailedIndexesExceeded", "1")
    assert wait(lambda: not runner.pods(run)), "the other shard would have waited for ever"


def test_the_server_refuses_a_job_of_another_image(runner: Runner) -> None:
    body = runner.order("strange", 1)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "province.internal/fleet-runner:1.0"
    with pytest.raises(ProvinceError, match=r"rule pinned"):
        runner.create(body)


def test_more_shards_than_the_model_allows_find_no_place(runner: Runner) -> None:
    """The room's quota says the same as `check_order`, for who goes round it."""
    runner.create(runner.order("wide", 10))
    assert wait(lambda: len(runner.pods("wide")) == 9)
    time.sleep(2)
    assert len(runner.pods("wide")) == 9
    runner.kubectl("delete", "job", f"{SHARDS}-wide", "--wait=true")
