"""The kiosk of the counter as a node sees it: its addresses in the zone, and the queue that takes what is handed in."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.peers import Peers
from province.manifest.relay import store_names

Values = dict[str, object]
MEGABYTE = 1_000_000


def counter_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """One desk at a node of the domain that has counters, else none."""
    counter = fleet.province.counter
    zone = next((one for one in host.interfaces if one.zone == counter.zone), None)
    if host.commune is None or host.routing_domain != counter.domain or zone is None:
        return {"counter_desks": []}
    ports = fleet.province.relay.domains[counter.domain]
    desk = {
        "zone": counter.zone,
        "port": counter.port,
        "addresses": [str(one) for one in zone.address.plain],
        "uid": counter.uid,
        "door_uid": counter.door_uid,
        "body_mb": fleet.province.relay.message_mb,
        "plan": {
            "place": fleet.communes[host.commune].name,
            "name": host.name,
            "server": host.fqdn,
            "address": ["127.0.0.1", ports.client_port],
            "subject": f"relay.{counter.subject}.counter",
            "stores": store_names(peers),
            "files_bytes": counter.files_mb * MEGABYTE,
        },
    }
    return {"counter_desks": [desk]}
