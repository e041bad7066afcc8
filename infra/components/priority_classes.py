"""Who gives way when a cluster has not enough for all: one class of priority for each tier."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.tier import TierId


def priority_class(tier: TierId) -> str:
    """The name of the class that pods of a tier's systems have."""
    return f"tier-{tier.lower()}"


class PriorityClasses(pulumi.ComponentResource):
    """The order in which systems keep their place, by their tier: what must be back first is pushed out last."""

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:PriorityClasses", "priority-classes", None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, "tiers/A"), self)
        for tier in fleet.tiers.values():
            if tier.priority is not None:
                body = {"value": tier.priority, "description": tier.name.en}
                objects.make(Kind.PRIORITY_CLASS, priority_class(tier.id), body)
        self.register_outputs({})
