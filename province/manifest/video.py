"""Video as hosts see it: a node's room with its profile and the relays to try out; a relay with ports and door."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.fleet.video import KILO, leased_mbps, relay_ports, spoken_to
from province.manifest.passages import entrances
from province.manifest.peers import Peers

Values = dict[str, object]
PACKET_BYTES = 1000
"""What one packet of a trial carries: with the heads of TURN and tunnels it passes every path in one piece."""
BURST = 1.5
"""A relay lets a call have so much more than its profile for a moment: pictures that begin anew."""


def video_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's part: a node has a room and relays to join, a host with the duty is a relay, others have neither."""
    ports = relay_ports(fleet)
    hubs = [one for one in peers.site_hosts if Duty.VIDEO in one.duties] if ports else []
    is_node = host.commune is not None and fleet.province.video.zone in {one.zone for one in host.interfaces}
    return {
        "video_door_port": fleet.province.video.door_port,
        "video_try_s": fleet.province.video.try_minutes * 60,
        "video_most_lost": fleet.province.video.most_lost,
        "video_most_delay_ms": fleet.province.video.most_delay_ms,
        "video_port": ports.get("udp", 0),
        "video_tls_port": ports.get("tcp", 0),
        "video_rooms": [_room(fleet, host, hubs)] if is_node and hubs else [],
        "video_relays": [_relay(fleet, host)] if host in hubs else [],
        "video_media": [{"protocol": protocol, "port": port} for protocol, port in spoken_to(fleet)],
    }


def _room(fleet: Fleet, node: Host, hubs: list[Host]) -> Values:
    """The room of a node. A line whose capacity nobody stated has the lowest profile."""
    video = fleet.province.video
    profile = video.profile(leased_mbps(node) or 1)
    names = sorted(one.name for one in fleet.nodes)
    zone = next(one for one in node.interfaces if one.zone == video.zone)
    return {
        "calendar": video.calendar(names.index(node.name), len(names)),
        "every_s": video.try_minutes * 60,
        "uid": fleet.province.video.uid,
        "plan": {
            "node": node.name,
            "room": {
                "zone": video.zone,
                "networks": [str(zone.address.ipv4.network), str(zone.address.ipv6.network)],
                "endpoints": video.room_endpoints,
                "profile": profile.id,
                "kbps": profile.kbps,
            },
            "try": {"seconds": video.try_seconds, "bytes": PACKET_BYTES, "kbps": profile.kbps},
            "relays": [
                {"name": one.name, "host": one.fqdn, "door": video.door_port, "port": relay_ports(fleet)["udp"]}
                for one in hubs
            ],
        },
    }


def _relay(fleet: Fleet, host: Host) -> Values:
    """A relay: where it listens, to whom it passes packets on, how much, and whom its door gives a credential."""
    video = fleet.province.video
    nodes = [one for one in fleet.hosts.values() if one.commune]
    own = [str(address) for address in host.interfaces[0].address.plain]
    media = [str(address) for site in fleet.data_centres for pair in entrances(fleet, site) for address in pair.plain]
    most = max(one.kbps for one in video.profiles)
    return {
        "uid": video.uid,
        "addresses": own,
        "peers": [*own, *media],
        "first_port": video.first_port,
        "last_port": video.last_port,
        "bytes_a_second": round(most * KILO / 8 * BURST),
        "room_allocations": video.allocations,
        "allocations": video.allocations * len(nodes),
        "door": {
            "host": host.fqdn,
            "port": video.door_port,
            "seconds": video.credential_minutes * 60,
            "uris": [
                f"turn:{host.fqdn}:{relay_ports(fleet)['udp']}?transport=udp",
                f"turns:{host.fqdn}:{relay_ports(fleet)['tcp']}?transport=tcp",
            ],
            "nodes": {one.fqdn[:64]: one.name for one in nodes},
        },
    }
