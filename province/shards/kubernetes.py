"""A sharded run as a Kubernetes Job: the site's template, which never runs by itself, filled in for one run.

The template is what `pulumi up` declares (`infra/components/fleet_runner.py`); what differs from run to run is in
`Order` and nothing else. So what an operator starts is what was reviewed and what the cluster's rules were asked about.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from province.errors import ExitCode, ProvinceError
from province.fleet.environment import CLUSTER
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM
from province.fleet.rooms import RUNNER, SHARD, SHARDS
from province.fleet.site import RunStore, Site
from province.fleet.system import Component
from province.shards.start import WHERE


@dataclass(frozen=True)
class Order:
    """What makes a Job of the template.

    The run's id, its place in the store, into how many shards it was dealt, and the name of its checkout there, which
    says the digest of what is in it (`province.shards.carried`). `sized` are the variables that say how large the lab
    is (`province.fleet.load`): a pod has to find the hosts that the run was planned for.
    """

    run: str
    store: str
    shards: int
    checkout: str
    sized: Mapping[str, str] = field(default_factory=dict)

    @property
    def archive(self) -> str:
        """Where pods find the checkout."""
        return f"{self.store.rstrip('/')}/{self.checkout}"


def runner_of(fleet: Fleet, site: Site) -> tuple[Component, RunStore]:
    """The shard's component and the store of a site whose cluster can run shards.

    Raises ProvinceError that names the fact which is not there.
    """
    part = fleet.platform[RUNNER]
    if site.cluster is None or part.id not in {one.id for one in fleet.rooms_at(site, PLATFORM)}:
        raise _lacking(f"{fleet.origin_of(part)}, placement: {part.id} has no room at {site.id}", "name another site")
    shard = part.components[SHARD]
    if shard.image is None:
        raise _lacking(
            f"{fleet.origin_of(part)}, components.{SHARD}.image: null, its image is not delivered yet",
            "until then: province shard local, or province shard run --index I on each machine",
        )
    if site.cluster.run_store is None:
        raise _lacking(
            f"{fleet.origins[f'sites/{site.id}']}, cluster.run_store: missing, shards there have no store to share",
            "add it: url, addresses, bucket, credentials, source",
        )
    if CLUSTER not in fleet.environment.automation_from:
        raise _lacking(
            f"inventories/{fleet.environment.id}/environment.yml, automation_from: without {CLUSTER}, so every host "
            "would refuse what comes from there",
            f"add {CLUSTER} and apply the hosts: who answers for them decides that",
        )
    return shard, site.cluster.run_store


def check_order(fleet: Fleet, site: Site, run: str, store: str, shards: int) -> None:
    """Whether a run that was begun at a place of a store can be ordered at a site.

    Raises ProvinceError for a place that pods do not reach, and for more shards than the runner's room has place for:
    one that could not start would be waited for by all others.
    """
    shard, reached = runner_of(fleet, site)
    if not store.startswith(reached.place) or not store.removeprefix(reached.place):
        raise ProvinceError(
            f"--store {store}: shards at {site.id} reach {reached.place}… and nothing else",
            hint=f"begin the run there: province shard begin --store {reached.place}NAME",
            exit_code=ExitCode.USAGE,
        )
    if shards > shard.replicas_at_peak:
        most, file = shard.replicas_at_peak, fleet.origin_of(fleet.platform[RUNNER])
        raise ProvinceError(
            f"run {run} has {shards} shards, and there is place for {most} ({file}, components.{SHARD}.replicas)",
            hint=f"begin it with --of {most} or fewer, or raise replicas and quota there",
            exit_code=ExitCode.USAGE,
        )


def job(template: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """The Job of a run, from the template as `kubectl get cronjob -o json` prints it.

    All shards are at work at the same time: at the end of every batch each waits for all others. A run has one name,
    so it cannot be started a second time while the first Job is there.

    Raises ProvinceError for anything that is not the template.
    """
    body = template.get("spec", {}).get("jobTemplate", {}) if template.get("kind") == "CronJob" else {}
    names = [one.get("name") for one in _pod(body).get("containers", ())]
    if body.get("spec", {}).get("completionMode") != "Indexed" or names != [SHARD]:
        raise ProvinceError(
            f"standard input: kind: {template.get('kind')}, is not the template of shards",
            hint=f"kubectl get cronjob {SHARDS} --namespace {RUNNER} --output json | province shard kubernetes …",
            exit_code=ExitCode.BAD_DATA,
        )
    made = copy.deepcopy(body)
    metadata, spec = made.get("metadata", {}), made["spec"]
    container = _pod(made)["containers"][0]
    container["args"] += ["--store", order.store]
    more = {WHERE: order.archive, **order.sized}
    container["env"] += [{"name": name, "value": value} for name, value in more.items()]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{SHARDS}-{order.run}",
            "namespace": template["metadata"]["namespace"],
            "labels": metadata.get("labels", {}),
            "annotations": metadata.get("annotations", {}),
        },
        "spec": {**spec, "completions": order.shards, "parallelism": order.shards},
    }


def _pod(template: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template.get("spec", {}).get("template", {}).get("spec", {})
    return found


def _lacking(what: str, mend: str) -> ProvinceError:
    return ProvinceError(what, hint=f"no shard can run in a cluster; {mend}", exit_code=ExitCode.BAD_DATA)
