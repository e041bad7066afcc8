"""What the address plan gives a site's cluster: where its API server is asked, and each node's range of pods.

Both follow from places in the plan and not from how many hosts there are, so a cluster that grows or shrinks moves
nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from province.fleet import addressing
from province.fleet.addressing import AddressPair, Subnet
from province.fleet.findings import Finding
from province.fleet.hosts import Host
from province.fleet.province import NetworkPair
from province.fleet.site import Cluster, HostRole, Site

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

SERVERS_ZONE = "servers"
"""The zone in which the nodes of a cluster talk to each other."""

NODE_IPV4, NODE_IPV6 = 24, 64
"""Lengths of the pod ranges of one node, as Kubernetes hands them out by default."""

API_SERVER_PORT = 6443
"""Where each API server listens, as everywhere (the default of kubeadm)."""


def api_addresses(fleet: Fleet, site: Site) -> dict[str, AddressPair]:
    """The shared addresses of a site's API server, by zone; one control plane holds them at a time.

    Raises KeyError for a site without a cluster.
    """
    if site.cluster is None:
        raise KeyError(f"{site.id} has no cluster")
    numbers = {zone.id: number for number, zone in enumerate(fleet.province.site_zones)}
    rank = sorted(one.id for one in fleet.sites.values() if one.hosts).index(site.id)
    return {
        zone: addressing.site_zone(fleet.province.addressing, rank, numbers[zone]).host(site.cluster.api.number)
        for zone in fleet.province.roles[HostRole.CONTROL_PLANE].zones
    }


def node_pods(cluster: Cluster, host: Host) -> Subnet:
    """The pod ranges of a node: as far into the cluster's ranges as the node stands in its zone."""
    own = host.interface(SERVERS_ZONE).address.ipv4
    number = int(own.ip) - int(own.network.network_address)
    return addressing.nth(NetworkPair(ipv4=cluster.pods, ipv6=cluster.pods_v6), number, NODE_IPV4, NODE_IPV6)


def check_clusters(fleet: Fleet) -> Iterator[Finding]:
    """A shared address is no host's, an odd number of control planes agrees, pods and services are apart."""
    for site in fleet.sites.values():
        if site.cluster is None:
            continue
        file = fleet.origins.get(f"sites/{site.id}", f"sites/{site.id}")
        stride = fleet.province.addressing.role_stride
        if site.cluster.api.number >= stride:
            mend = f"hosts begin at {stride}: take a number below"
            yield Finding(file, "cluster.api.number", str(site.cluster.api.number), "is a host's place", mend)
        planes = site.hosts[HostRole.CONTROL_PLANE].count if HostRole.CONTROL_PLANE in site.hosts else 0
        if planes % 2 == 0:
            mend = "take 1, 3 or 5: an even number survives no more losses than the odd one below"
            yield Finding(file, "hosts.control-plane.count", str(planes), "etcd needs an odd number", mend)
        if site.cluster.pods.overlaps(site.cluster.services) or site.cluster.pods_v6.overlaps(site.cluster.services_v6):
            yield Finding(
                file, "cluster.services", str(site.cluster.services), "overlaps pods", "give each its own range"
            )
