"""Copies of nodes as hosts see them: where a node brings its own and when, and whose a site's store takes in."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.peers import Peers

Values = dict[str, object]
HOUR_S = 3600


def stores(hosts: tuple[Host, ...]) -> dict[str, Host]:
    """The host that keeps the copies at each site: the first one with the duty. Sites in the order of their names."""
    found: dict[str, Host] = {}
    for one in hosts:
        if Duty.BACKUP in one.duties and one.site:
            found.setdefault(one.site, one)
    return dict(sorted(found.items()))


def copies_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's part in copies: a node has somewhere to bring its own, a store knows every node, others neither."""
    rules = fleet.province.copies
    at = stores(tuple(peers.site_hosts))
    keeps = host in at.values()
    nodes = [one for one in fleet.hosts.values() if one.commune] if keeps else []
    return {
        "copies_port": rules.port,
        "copies_oldest_s": rules.oldest_hours * HOUR_S,
        "copies_every_s": rules.every_hours * HOUR_S,
        "copies_targets": _targets(fleet, host, at) if host.host_class == "edge" else [],
        "copies_stores": [{"store_uid": rules.store_uid, "door_uid": rules.door_uid}] if keeps else [],
        "copies_nodes": [{"name": one.name, "fqdn": one.fqdn} for one in nodes],
        "copies_node_mb": rules.node_mb,
        "copies_store_mb": rules.node_mb * len(nodes),
    }


def _targets(fleet: Fleet, host: Host, at: dict[str, Host]) -> list[Values]:
    """Where a node brings its copies, and when: nodes one after the other, and no node to two sites at once."""
    rules = fleet.province.copies
    names = sorted(one.name for one in fleet.nodes)
    place, places = names.index(host.name), len(names) * len(at)
    return [
        {
            "site": site,
            "door": f"https://{store.fqdn}:{rules.port}",
            "calendar": rules.calendar(place + number * len(names), places),
        }
        for number, (site, store) in enumerate(at.items())
    ]
