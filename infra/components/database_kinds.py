"""The kinds of object by which databases are declared."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.rooms import DATABASES
from province.toolchain import kinds

OPERATOR = "cloudnative-pg"
"""The program that brings the kinds, by its name in the pins."""


class DatabaseKinds(pulumi.ComponentResource):
    """Every kind that the operator of databases watches; without one of them it would not start.

    They stand a layer below the operator, so that its going takes no database away: with a kind, the API server deletes
    every object of it. So they are protected and, once unprotected, retained.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:DatabaseKinds", "database-kinds", None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of(fleet.platform[DATABASES], fleet), self)
        for one in kinds.read(OPERATOR):
            objects.make(
                Kind.DEFINITION,
                one["metadata"]["name"],
                {"spec": one["spec"]},
                annotations=one["metadata"]["annotations"],
                options=pulumi.ResourceOptions(protect=True, retain_on_delete=True),
            )
        self.register_outputs({})
