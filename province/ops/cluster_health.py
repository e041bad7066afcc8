"""Whether a cluster carries what was declared in it: nodes ready, pods of every workload up, volumes bound."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.ops.step import Step
from province.ops.workplace import Workplace

KINDS = ("nodes", "deployments", "statefulsets", "daemonsets", "persistentvolumeclaims")


def verify_cluster(work: Workplace, site: str) -> Step:
    """Look at a site's cluster once.

    Raises ProvinceError with everything that is not as it should be, or when the cluster does not answer.
    """
    access = work.private / "kubeconfigs" / f"{site}.yml"
    words = ["kubectl", "--kubeconfig", str(access), "--request-timeout=20s", "get", ",".join(KINDS)]
    outcome = work.run(f"health-{site}", [*words, "--all-namespaces", "--output", "json"], answers=True)
    if outcome.code != 0:
        raise ProvinceError(
            f"the cluster of {site} does not answer\n{outcome.tail}",
            hint="see the control planes: province verify --select control-plane",
            exit_code=ExitCode.UNREACHABLE,
        )
    objects = json.loads(outcome.output.read_text(encoding="utf-8"))["items"]
    if problems := list(unhealthy(objects)):
        listed = "\n".join(f"  {one}" for one in problems)
        raise ProvinceError(
            f"{len(problems)} things in the cluster of {site} are not as they should be:\n{listed}",
            hint=f"kubectl --kubeconfig {access} get pods --all-namespaces",
        )
    kinds = [str(one["kind"]) for one in objects]
    nodes = kinds.count("Node")
    return Step(f"{site} cluster", f"{nodes} nodes ready, {len(kinds) - nodes} workloads up", False, outcome.seconds)


def unhealthy(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What is wrong with nodes, workloads and claims, one line each."""
    for one in objects:
        problem = _problem(str(one["kind"]), one.get("spec") or {}, one.get("status") or {})
        if problem:
            metadata = one["metadata"]
            place = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
            yield f"{one['kind']} {place}: {problem}"


def _problem(kind: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if kind == "Node":
        ready = [one for one in status.get("conditions", ()) if one["type"] == "Ready" and one["status"] == "True"]
        return "" if ready else "not ready"
    if kind == "PersistentVolumeClaim":
        # A class may bind only when the first pod comes.
        return "lost its volume" if status.get("phase") == "Lost" else ""
    if kind == "DaemonSet":
        return _missing(status.get("desiredNumberScheduled", 0), status.get("numberReady", 0))
    return _missing(spec.get("replicas", 1), status.get("readyReplicas", 0))


def _missing(wanted: int, ready: int) -> str:
    return f"{ready} of {wanted} pods are ready" if ready < wanted else ""
