"""The queue of documents as hosts see it: one server for each domain, what it keeps, and whom it knows."""

from __future__ import annotations

from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.relay import CLUSTER, Relay
from province.fleet.site import Duty
from province.manifest.peers import Peers

Values = dict[str, object]
MINUTE_NS = 60 * 10**9
DAY_NS = 24 * 60 * MINUTE_NS
FILE = 1_000_000


def hubs_of(site_hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """Which hosts of one site with the duty are its hubs: three make a cluster, of fewer the first one works alone.

    Two cannot tell which of them is cut off; the other site has everything as well.
    """
    return site_hosts[:CLUSTER] if len(site_hosts) >= CLUSTER else site_hosts[:1]


def relay_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's part in the relay: a node has the server of its own domain, a hub one for each, other hosts none."""
    rules = fleet.province.relay
    hubs = _hubs(peers)
    own = hubs.get(host.site or "", ())
    domains: tuple[RoutingDomain, ...] = ()
    if host.host_class == "edge" and host.routing_domain:
        domains = (host.routing_domain,)
    elif host in own:
        domains = tuple(rules.domains)
    instances = [_instance(fleet, host, domain, hubs) for domain in domains]
    return {
        "relay_name": (host.site if len(own) == CLUSTER else host.name) or host.name,
        "relay_instances": instances,
        "relay_clusters": instances if len(own) == CLUSTER and host in own else [],
        "relay_partners": [one.fqdn for one in own if one is not host],
        "relay_hubs": [_named(one, site, group) for site, group in sorted(hubs.items()) for one in group],
        "relay_message_mb": rules.message_mb,
        "relay_release_every": rules.release_every,
    }


def _hubs(peers: Peers) -> dict[str, tuple[Host, ...]]:
    found: dict[str, list[Host]] = {}
    for one in peers.site_hosts:
        if Duty.RELAY in one.duties and one.site:
            found.setdefault(one.site, []).append(one)
    return {site: hubs_of(tuple(hosts)) for site, hosts in found.items()}


def store_names(peers: Peers) -> list[str]:
    """The stores of all sites, under the names by which they are asked."""
    return _stores(_hubs(peers))


def _stores(hubs: dict[str, tuple[Host, ...]]) -> list[str]:
    return list(
        dict.fromkeys(_named(one, site, group)["store"] for site, group in sorted(hubs.items()) for one in group)
    )


def _named(hub: Host, site: str, group: tuple[Host, ...]) -> dict[str, str]:
    """A hub and the name under which its store is asked: the site's where several hold one together."""
    return {"fqdn": hub.fqdn, "store": site if len(group) == CLUSTER else hub.name}


def _instance(fleet: Fleet, host: Host, domain: RoutingDomain, hubs: dict[str, tuple[Host, ...]]) -> Values:
    rules = fleet.province.relay
    ports = rules.domains[domain]
    nodes = [one for one in fleet.hosts.values() if one.commune and one.routing_domain == domain] if host.site else []
    at_hub = hubs.get(host.site or "", ())
    store = (host.site if len(at_hub) == CLUSTER else host.name) or host.name
    copies = len(at_hub) if host.site else 1
    streams = [_copy(rules, node.name, store, copies) for node in nodes] if host.site else [_queue(rules, host.name)]
    stores = _stores(hubs)
    kept_mb = rules.node_mb_a_day * rules.hub_days * len(nodes) if host.site else rules.queue_mb
    return {
        "domain": str(domain),
        "uid": ports.uid,
        "client_port": ports.client_port,
        "hub_port": ports.hub_port,
        "cluster_port": ports.cluster_port,
        # What the server may fill beyond its messages: their index.
        "store_mb": kept_mb + kept_mb // 4,
        "nodes": [{"name": one.name, "fqdn": one.fqdn} for one in nodes],
        "plan": {
            "address": ["127.0.0.1", ports.client_port],
            "server": host.fqdn,
            "name": host.name,
            "streams": streams,
            "releases": [] if host.site else [{"queue": host.name, "stores": stores}],
        },
    }


def _queue(rules: Relay, name: str) -> Values:
    """The stream on a node: what is full refuses the newest loudly, and nothing that was accepted ever ages away."""
    return {
        "name": name,
        "subjects": [f"relay.{subject}.>" for subject in rules.subjects],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "discard_new_per_subject": True,
        "max_msgs_per_subject": rules.subject_messages,
        "max_bytes": rules.queue_mb * FILE,
        "max_msg_size": rules.message_mb * FILE,
        "duplicate_window": rules.repeat_minutes * MINUTE_NS,
        "num_replicas": 1,
        "deny_delete": True,
    }


def _copy(rules: Relay, node: str, store: str, copies: int) -> Values:
    """The stream at a hub: the node's own, message by message under the same numbers."""
    return {
        "name": node,
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": rules.hub_days * DAY_NS,
        "num_replicas": copies,
        "mirror": {
            "name": node,
            "external": {"api": f"$JS.{node}.API", "deliver": f"relay-copy.{store}.{node}"},
        },
    }
