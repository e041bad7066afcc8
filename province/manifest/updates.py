"""Updates as hosts see them: which packages they hold, where these come from, and when a release is too old."""

from __future__ import annotations

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Duty
from province.manifest.peers import Peers

Values = dict[str, object]
DAY_S = 86_400


def updates_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """Holds and limits, the same for all hosts; the caches, the nearest first; and a cache's own part.

    A release is too old when the next one should have come to the last ring: as long after it as an update may wait.
    """
    rules = fleet.province.updates
    return {
        **_caches(fleet, host, peers),
        "update_holds": [one.model_dump(mode="json") for one in fleet.registers.update_holds.rows],
        "update_releases": [one.id for one in fleet.registers.update_releases.rows],
        "update_oldest_s": (rules.rings[-1].after_days + rules.most_days) * DAY_S,
        "update_reboot_waits_s": rules.most_days * DAY_S,
    }


def _caches(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The caches of a host, and what a cache is: all of them ask the mirror that nodes have."""
    rules = fleet.province.updates
    caches = peers.with_duty(Duty.MIRROR, host)
    serves = fleet.environment.packages_from == "services"
    origin = peers.mirror(fleet.nodes[0]).ipv4[0]
    keeps_all = serves and origin in {one.address.ipv4.ip for one in host.interfaces}
    return {
        "package_caches": [peers.named(one, host) for one in caches],
        "package_cache_port": rules.cache_port,
        "package_cache_uid": rules.cache_uid,
        "package_cache_mb": rules.cache_mb,
        "package_cache_serves": serves,
        "package_cache_source": "" if keeps_all else f"http://{origin}",
    }
