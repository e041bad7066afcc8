"""How the API server shares its time when many ask at once (API priority and fairness)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from infra.cluster import Cluster
from infra.components.system_access import owner_group
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.layer import PLATFORM

OWNERS = "owners"
PLATFORM_PARTS = "platform"

AFTER_KUBERNETES_OWN = 1000
"""Kubernetes' own schemas for its components precede this; the one for all others (9000) follows."""

EVERYTHING = {
    "resourceRules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "namespaces": ["*"], "clusterScope": True}
    ],
    "nonResourceRules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}],
}


class RequestPriorities(pulumi.ComponentResource):
    """A share of the API server for what the cluster runs for all, and a smaller one for the owners of systems.

    So an owner's script that asks without end waits behind itself and stops neither the platform nor other owners:
    each user of a level has queues of its own.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:RequestPriorities", "request-priorities", None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, f"sites/{cluster.site.id}"), self)
        rooms = [part.id for part in fleet.rooms_at(cluster.site, PLATFORM)]
        accounts = [
            {"kind": "ServiceAccount", "serviceAccount": {"namespace": room, "name": "*"}} for room in sorted(rooms)
        ]
        groups = [{"kind": "Group", "group": {"name": owner_group(fleet, owner)}} for owner in sorted(fleet.owners)]
        for number, (name, shares, subjects) in enumerate(((PLATFORM_PARTS, 40, accounts), (OWNERS, 10, groups))):
            level = objects.make(Kind.PRIORITY_LEVEL, name, _level(shares))
            objects.make(
                Kind.FLOW_SCHEMA,
                name,
                _schema(name, AFTER_KUBERNETES_OWN + number, subjects),
                options=pulumi.ResourceOptions(depends_on=[level]),
            )
        self.register_outputs({})


def _level(shares: int) -> dict[str, object]:
    """`shares` beside Kubernetes' own levels, of which the largest for components has 40."""
    return {
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": shares,
                "limitResponse": {
                    "type": "Queue",
                    "queuing": {"queues": 64, "handSize": 6, "queueLengthLimit": 50},
                },
            },
        }
    }


def _schema(level: str, precedence: int, subjects: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {
        "spec": {
            "priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": list(subjects), **EVERYTHING}],
        }
    }
