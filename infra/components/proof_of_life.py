"""The door through which a room is shown to be fit to live in."""

from __future__ import annotations

from typing import Any

import pulumi

from infra.cluster import Cluster
from infra.components.system_namespace import SystemNamespace
from infra.components.workload import selector
from infra.marks import COMPONENT, marks_of
from infra.objects import Kind, Objects
from province.fleet.fleet import Fleet
from province.fleet.site import HostRole

PROOF = "echo"
"""The image that answers with who it is, and does nothing else."""


class ProofOfLife(pulumi.ComponentResource):
    """The one door of a component that only proves that pods run, are found and answer.

    Only the site's control planes may come in: through them `kubectl` and the tests ask the Service. What other
    systems may do is said by flows, and this component has none.
    """

    def __init__(self, name: str, *, room: SystemNamespace, fleet: Fleet, cluster: Cluster) -> None:
        system = room.system
        parent = pulumi.ResourceOptions(parent=room.namespace)
        super().__init__("province:systems:ProofOfLife", f"{system.id}/{name}", None, parent)
        way = {
            "from": [{"ipBlock": {"cidr": caller}} for caller in control_planes(fleet, cluster)],
            "ports": [{"protocol": "TCP", "port": system.components[name].listens_on}],
        }
        policy: dict[str, Any] = {
            "podSelector": {"matchLabels": selector(system, name)},
            "policyTypes": ["Ingress"],
            "ingress": [way],
        }
        objects = Objects(system.id, marks_of(system, fleet), self)
        objects.make(Kind.NETWORK_POLICY, name, {"spec": policy}, labels={COMPONENT: name})
        self.register_outputs({})


def control_planes(fleet: Fleet, cluster: Cluster) -> list[str]:
    """The addresses from which the site's API servers open connections, each as a network of one."""
    found = []
    for host in fleet.hosts_of(cluster.site.id):
        if host.host_class == HostRole.CONTROL_PLANE.value:
            for interface in host.interfaces:
                found += [f"{address}/{address.max_prefixlen}" for address in interface.address.plain]
    return sorted(found)
