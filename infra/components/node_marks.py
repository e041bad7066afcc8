"""What a cluster's nodes are and where they stand, as labels that schedulers and people choose by."""

from __future__ import annotations

import pulumi

from infra.cluster import Cluster
from infra.marks import marks_of_cluster
from infra.objects import CLUSTER_WIDE, Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.requests import nodes_at

REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
ROLE = "node-role.kubernetes.io/"


class NodeMarks(pulumi.ComponentResource):
    """The labels of every node: its role, its site as region, and its rack as zone, which is what fails together.

    A node is made by the kubelet that joins, so only these labels are ours. Taints stay with the kubelet: the list of
    them is written as a whole, and the cluster itself adds to it when a node does not answer.
    """

    def __init__(self, *, fleet: Fleet, cluster: Cluster) -> None:
        super().__init__("province:cluster:NodeMarks", "nodes", None, cluster.options)
        marks = marks_of_cluster(fleet, f"sites/{cluster.site.id}")
        for host in nodes_at(fleet, cluster.site):
            Objects(CLUSTER_WIDE, marks, self).make(Kind.NODE, host.name, {}, labels=_labels(host))
        self.register_outputs({})


def _labels(host: Host) -> dict[str, str]:
    place = {REGION: str(host.site), f"{ROLE}{host.host_class}": ""}
    return {**place, ZONE: f"{host.site}-{host.rack}"} if host.rack else place
