"""What a cluster node is told of its cluster: network ranges, endpoint, images."""

from __future__ import annotations

from ipaddress import IPv4Network

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.peers import Peers
from province.manifest.trust import ImagePin

NODE_CLASSES = ("control-plane", "worker", "ingress")
NODE_PREFIX = 24
"""Length of the pod range of one node, as the controller manager hands it out by default."""

NOTHING: dict[str, object] = {
    "cluster_site": "",
    "cluster_version": "",
    "cluster_network_engine": "",
    "cluster_pods_ipv4": "",
    "cluster_pods_ipv6": "",
    "cluster_services_ipv4": "",
    "cluster_node_pods_ipv4": "",
    "cluster_endpoint_address": "",
    "cluster_endpoint_names": [],
    "cluster_has_workers": False,
    "cluster_first": False,
}


def cluster_view(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    """The host's place in its site's cluster; the same keys, empty, for hosts outside clusters."""
    cluster = fleet.sites[host.site].cluster if host.site else None
    if cluster is None or host.host_class not in NODE_CLASSES:
        return NOTHING
    members = [one for one in peers.site_hosts if one.site == host.site and one.host_class in NODE_CLASSES]
    planes = [one for one in members if one.host_class == "control-plane"]
    names = [name for plane in planes for name in (plane.fqdn, plane.name)]
    addresses = [str(plane.management.ipv4.ip) for plane in planes]
    return {
        "cluster_site": host.site,
        "cluster_version": cluster.kubernetes,
        "cluster_network_engine": cluster.network_engine,
        "cluster_pods_ipv4": str(cluster.pods),
        "cluster_pods_ipv6": str(cluster.pods_v6),
        "cluster_services_ipv4": str(cluster.services),
        "cluster_node_pods_ipv4": str(_node_pods(cluster.pods, [one.name for one in members].index(host.name))),
        "cluster_endpoint_address": addresses[0],
        "cluster_endpoint_names": names + addresses,
        "cluster_has_workers": any(one.host_class == "worker" for one in members),
        "cluster_first": host.name == planes[0].name,
    }


def image_view(pins: tuple[ImagePin, ...], base: str) -> dict[str, object]:
    """The pinned images, with the address under which the mirror serves each."""
    images = [
        {
            "name": pin.name,
            "url": f"{base}/{pin.name}.tar",
            "sha256": pin.sha256,
            "reference": pin.reference,
        }
        for pin in pins
    ]
    return {
        "cluster_images": images,
        "cluster_image_tags": {pin.name: pin.tag for pin in pins},
        "cluster_image_repository": pins[0].repository if pins else "",
    }


def _node_pods(pods: IPv4Network, number: int) -> IPv4Network:
    return IPv4Network((int(pods.network_address) + number * (1 << (32 - NODE_PREFIX)), NODE_PREFIX))
