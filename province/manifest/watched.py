"""Who watches hosts, and how a host that watches finds them."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.peers import Peers


def watched_view(fleet: Fleet, host: Host, peers: Peers) -> dict[str, object]:
    """The host's part in watching: who may ask it for figures, and whom it asks itself if that is its duty."""
    rules = fleet.province.monitoring
    watching = Duty.MONITORING in host.duties
    return {
        "monitoring_every_s": rules.every_s,
        "monitoring_facts_s": rules.facts_s,
        "monitoring_silent_s": rules.silent_s,
        "monitoring_kept_days": rules.kept_days,
        "monitoring_certificate_days": rules.certificate_days,
        "watchers": [{"name": one.name, "fqdn": one.fqdn} for one in peers.with_duty(Duty.MONITORING, host)],
        "watched_hosts": [_watched(fleet, one, host, peers) for one in fleet.hosts.values()] if watching else [],
    }


def _watched(fleet: Fleet, other: Host, host: Host, peers: Peers) -> dict[str, str]:
    """A host as a watcher finds it: a node through the tunnels, in the management zone of its own prefix."""
    zone = fleet.province.management_zone
    address = peers.address(other, host) if other.site else other.interface(zone).address
    return {
        "name": other.name,
        "fqdn": other.fqdn,
        "ipv4": str(address.plain[0]),
        "class": other.host_class,
        "site": other.site or "",
        "commune": other.commune or "",
        "body": str(other.body or ""),
    }
