"""Bundles as nodes see them: whose doors they are fetched from, who signs them, and how long one may be good."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, hypot, inf, radians

from province.fleet.fact import Location
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.pull import DAY_S, HOUR_S, MINUTE_S
from province.manifest.copies import stores
from province.manifest.peers import Peers

Values = dict[str, object]


def pull_view(fleet: Fleet, host: Host, peers: Peers) -> Values:
    """The host's part in bundles; a host of a site is beside the controller and pulls none."""
    rules = fleet.province.pull
    at = stores(tuple(peers.site_hosts))
    doors = {site: f"https://{store.fqdn}:{fleet.province.copies.port}" for site, store in at.items()}
    return {
        "pull_doors": [doors[site] for site in _nearest_first(fleet, host, at)],
        "pull_signer": fleet.environment.automation.name,
        "pull_every_s": rules.every_minutes * MINUTE_S,
        "pull_silent_s": rules.silent_hours * HOUR_S,
        "pull_valid_s": rules.valid_days * DAY_S,
        "pull_confirm_s": rules.confirm_minutes * MINUTE_S,
    }


def _nearest_first(fleet: Fleet, host: Host, sites: Iterable[str]) -> list[str]:
    """The sites by their distance from a commune; those that say no place come last."""
    if host.commune is None:
        return []
    here = fleet.communes[host.commune].location

    def distance(site: str) -> tuple[float, str]:
        there = fleet.sites[site].location
        return (inf if there is None else _degrees(here, there), site)

    return sorted(sites, key=distance)


def _degrees(one: Location, other: Location) -> float:
    """How far two points are apart in degrees of latitude: good enough within a province."""
    return hypot(other.lat - one.lat, (other.lon - one.lon) * cos(radians(one.lat)))
