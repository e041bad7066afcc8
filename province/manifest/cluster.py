"""What a cluster node is told of its cluster: network ranges, endpoint, neighbours, images."""

from __future__ import annotations

from ipaddress import IPv4Address

from province.fleet.addressing import AddressPair
from province.fleet.cluster_plan import SERVERS_ZONE, api_addresses, node_pods
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Cluster, HostRole
from province.manifest.peers import NODE_CLASSES, Peers
from province.manifest.trust import ImagePin

Values = dict[str, object]

CONTROL_PLANE_IMAGES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
NODE_IMAGES = ("coredns", "kube-proxy", "pause")
"""What kubeadm starts on control planes alone, and what it may start on every node. A node has them under their tags
before it starts anything; the runtime pulls every other image when a pod asks for it."""

VRRP_GROUP = IPv4Address("224.0.0.18")
"""Where holders of a shared address speak to each other (RFC 9568, section 1.3)."""

NOTHING: Values = {
    "cluster_site": "",
    "cluster_version": "",
    "cluster_network_engine": "",
    "cluster_pods": [],
    "cluster_services": [],
    "cluster_node_addresses": [],
    "cluster_node_pods_ipv4": "",
    "cluster_nodes": [],
    "cluster_control_planes": [],
    "cluster_api_number": 0,
    "cluster_api_port": 0,
    "cluster_api_address": "",
    "cluster_endpoint_address": "",
    "cluster_endpoint_names": [],
    "cluster_shared_addresses": [],
    "cluster_has_workers": False,
    "cluster_boot_images": [],
    "cluster_host_number": 0,
    "cluster_identity_provider": {},
    "cluster_snapshots": {},
    "cluster_renew_before_days": 0,
}


def cluster_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's place in its site's cluster; the same keys, empty, for hosts outside clusters.

    `cluster_api_address` is where nodes ask the API server, `cluster_endpoint_address` where administrators do.
    `cluster_pods`, `cluster_services`, `cluster_node_addresses`: IPv4 first, IPv6 only where the cluster has it.
    """
    site = fleet.sites[host.site] if host.site else None
    cluster = site.cluster if site else None
    if site is None or cluster is None or host.host_class not in NODE_CLASSES:
        return NOTHING
    members = [one for one in peers.site_hosts if one.site == host.site and one.host_class in NODE_CLASSES]
    planes = [one for one in members if one.host_class == "control-plane"]
    shared = api_addresses(fleet, site)
    provider = fleet.environment.identity_provider
    return {
        "cluster_site": site.id,
        "cluster_version": cluster.kubernetes,
        "cluster_network_engine": cluster.network_engine,
        "cluster_pods": _families(cluster, cluster.pods, cluster.pods_v6),
        "cluster_services": _families(cluster, cluster.services, cluster.services_v6),
        "cluster_node_addresses": _families(cluster, *_own(host).plain),
        "cluster_node_pods_ipv4": str(node_pods(cluster, host).ipv4),
        "cluster_nodes": [_named(one) for one in members],
        "cluster_control_planes": [_named(one) for one in planes],
        "cluster_api_number": cluster.api.number,
        "cluster_api_port": cluster.api.port,
        "cluster_api_address": str(shared[SERVERS_ZONE].plain[0]),
        "cluster_endpoint_address": str(shared[fleet.province.management_zone].plain[0]),
        "cluster_endpoint_names": _endpoint_names(planes, shared),
        "cluster_shared_addresses": _shared(host, shared),
        "cluster_has_workers": any(one.host_class == "worker" for one in members),
        "cluster_boot_images": [*NODE_IMAGES, *(CONTROL_PLANE_IMAGES if host in planes else ())],
        "cluster_host_number": host.index,
        "cluster_identity_provider": provider.model_dump() if provider else {},
        "cluster_snapshots": cluster.snapshots.model_dump(),
        "cluster_renew_before_days": cluster.renew_before_days,
    }


def pod_routes(fleet: Fleet, host: Host, zone: str, peers: Peers) -> list[dict[str, str]]:
    """Where the pods of other nodes are, for the plain bridge, which knows only its own."""
    cluster = fleet.sites[host.site].cluster if host.site else None
    if cluster is None or cluster.network_engine != "bridge" or host.host_class not in NODE_CLASSES:
        return []
    others = [one for one in peers.site_hosts if one.site == host.site and one.host_class in NODE_CLASSES]
    return [
        {"to": str(node_pods(cluster, one).ipv4), "via": str(_own(one).plain[0])}
        for one in others
        if one.name != host.name and zone == SERVERS_ZONE
    ]


def image_view(pins: tuple[ImagePin, ...], base: str) -> Values:
    """The pinned images, with the address under which the mirror serves each."""
    images = [
        {
            "name": pin.name,
            "url": f"{base}/{pin.name}.tar",
            "sha256": pin.sha256,
            "reference": pin.reference,
            "tagged": pin.tagged,
            "by_digest": pin.by_digest,
            "digest": pin.digest,
        }
        for pin in pins
    ]
    return {
        "cluster_images": images,
        "cluster_image_tags": {pin.name: pin.tag for pin in pins},
        "cluster_image_names": {pin.name: pin.by_digest for pin in pins},
        "cluster_image_repository": pins[0].repository if pins else "",
    }


def _own(host: Host) -> AddressPair:
    return host.interface(SERVERS_ZONE).address


def _families(cluster: Cluster, ipv4: object, ipv6: object) -> list[str]:
    return [str(ipv4), str(ipv6)] if cluster.dual_stack else [str(ipv4)]


def _named(host: Host) -> dict[str, str]:
    ipv4, ipv6 = _own(host).plain
    return {"name": host.name, "ipv4": str(ipv4), "ipv6": str(ipv6)}


def _endpoint_names(planes: list[Host], shared: dict[str, AddressPair]) -> list[str]:
    """Under what an API server may be asked: the names and addresses of each control plane, and the shared ones."""
    names = [name for plane in planes for name in (plane.fqdn, plane.name)]
    own = [interface.address for plane in planes for interface in plane.interfaces]
    return names + [str(address) for pair in (*shared.values(), *own) for address in pair.plain]


def _shared(host: Host, shared: dict[str, AddressPair]) -> list[Values]:
    """The addresses that the host may have to hold, each for itself, so that nothing is sent from it unasked.

    None for a node that is no control plane.
    """
    if host.host_class != HostRole.CONTROL_PLANE.value:
        return []
    return [
        {"device": zone, "ipv4": str(ipv4), "ipv6": str(ipv6)}
        for zone, (ipv4, ipv6) in ((zone, pair.plain) for zone, pair in shared.items())
    ]
