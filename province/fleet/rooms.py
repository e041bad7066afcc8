"""Checks of the rooms that clusters hold: each has a name that nobody else has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from province.fleet.findings import Finding

ENTRANCE = "ingress"
"""The part of the platform through which every connection from outside reaches a system."""
DATABASES = "databases"
"""The part of the platform that keeps the systems' databases."""
MONITORING = "monitoring"
"""The part of the platform that asks everything for its figures."""
METRICS = "metrics"
"""The part of the platform that says how busy nodes and pods are."""
VOLUMES = "volumes"
"""The part of the platform that makes volumes on the disks of the nodes."""
MOVES = "migration"
"""The part of the platform that keeps account of the old machine rooms' move; its layer has the same name."""
RUNNER = "fleet-runner"
"""The part of the platform in which roll-outs run in shards."""
SHARD = "shard"
"""The one component of the runner's room, the name of its pods' container."""
SHARDS = "shards"
"""What the runner's room calls the template from which the Job of a run is made."""
AUTOMATION, DESK = "automation", "desk"
"""The secrets of the runner's room while a run is at work there: who automation is, and what its desk knows."""
NETWORK_POLICY = "network-policy"
"""The part of the platform that enforces network policies where the network engine does not."""

TAKEN = frozenset({"cluster", "default"})
"""Names that mean something else: no namespace at all, and the namespace that every cluster brings."""


def check_rooms(systems: Collection[str], platform: Collection[str], origins: Mapping[str, str]) -> Iterator[Finding]:
    """Ids of systems and parts of the platform are names of namespaces: each once, and none of Kubernetes' own.

    `origins` maps "systems/<id>" and "platform/<id>" to files.
    """
    for collection, ids in (("systems", systems), ("platform", platform)):
        for id_ in ids:
            file = origins.get(f"{collection}/{id_}", f"{collection}/{id_}")
            if id_ in TAKEN or id_.startswith("kube-"):
                yield Finding(file, "", id_, "is a name that Kubernetes or the stacks use", "rename the file")
            if collection == "platform" and id_ in systems:
                yield Finding(file, "", id_, "is also the name of a system", "rename one of the files")
