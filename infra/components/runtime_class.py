"""What starts the containers of systems."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet

RUNTIME = "runc"
"""The name of the class and of containerd's handler, as containerd's own configuration calls it."""


class RuntimeClass(pulumi.ComponentResource):
    """The runtime that systems' pods name, so that none of them gets another because a node's default changed."""

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:RuntimeClass", RUNTIME, None, cluster.options)
        objects = Objects(CLUSTER_WIDE, marks_of_cluster(fleet, f"sites/{cluster.site.id}"), self)
        objects.make(Kind.RUNTIME_CLASS, RUNTIME, {"handler": RUNTIME})
        self.register_outputs({})
