"""For name servers that take zone files: the names that the provincial resolvers answer, and the way back.

A zone's serial number grows when, and only when, something else in it changed (RFC 1912, 2.2: date and two digits).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from ipaddress import ip_address

from province.exports.sources import Files, Sources, origin
from province.fleet.site import Duty
from province.manifest.names import known_names, reverse_zones
from province.manifest.peers import Peers

TTL = 300
"""Seconds; as the resolvers say it."""
REFRESH = "3600 900 604800 60"
"""Seconds: refresh, retry, expire, and how long a name's absence is remembered; as the resolvers say it."""

SERIAL = re.compile(r"( IN SOA \S+ \S+ )(\d+) ")
Record = tuple[str, str, str]
"""Full name without the dot at its end, type, data."""


def files(sources: Sources) -> Files:
    """One file for each zone, `db.<zone>`; none where no host answers for names."""
    fleet = sources.fleet
    if not any(Duty.DNS in host.duties for host in fleet.hosts.values()):
        return {}
    domain = fleet.province.domain
    zones = [domain, *reverse_zones(fleet)]
    held: dict[str, list[Record]] = {zone: [] for zone in zones}
    for name, kind, data in _records(sources):
        held[_zone_of(name, zones)].append((name, kind, data))
    for zone in zones:
        # Who holds the zone around another one says where that begins.
        if parent := _zone_of(zone.partition(".")[2], zones, default=""):
            held[parent].append((zone, "NS", f"dns.{domain}."))
    return {
        name: _numbered(text, sources.before.get(name), sources.today)
        for zone, records in held.items()
        for name, text in ((f"db.{zone}", _zone(sources, zone, records)),)
    }


def _records(sources: Sources) -> Iterable[Record]:
    fleet = sources.fleet
    for known in known_names(fleet, Peers(fleet)):
        for text in known["addresses"]:
            address = ip_address(text)
            yield known["name"], "A" if address.version == 4 else "AAAA", text
            if known["reverse"]:
                yield address.reverse_pointer, "PTR", f"{known['name']}."


def _zone_of(name: str, zones: Iterable[str], default: str | None = None) -> str:
    """The innermost zone that holds a name. Raises LookupError for none, unless there is a default."""
    holding = [zone for zone in zones if f".{name}".endswith(f".{zone}")]
    if not holding and default is None:
        raise LookupError(f"no zone holds {name}")
    return max(holding, key=len, default=default or "")


def _zone(sources: Sources, zone: str, records: Iterable[Record]) -> str:
    domain = sources.fleet.province.domain
    lines = [
        f"; {origin(sources.fleet, 'dns')}",
        f"$ORIGIN {zone}.",
        f"$TTL {TTL}",
        f"@ IN SOA dns.{domain}. hostmaster.{domain}. 0 {REFRESH}",
        f"@ IN NS dns.{domain}.",
        *(f"{_within(name, zone)} IN {kind} {data}" for name, kind, data in dict.fromkeys(records)),
    ]
    return "\n".join(lines) + "\n"


def _within(name: str, zone: str) -> str:
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _numbered(text: str, before: str | None, today: date) -> str:
    """The zone under the number it has if nothing else changed, else under a larger one."""
    first = int(f"{today:%Y%m%d}00")
    found = SERIAL.search(before or "")
    if before is None or found is None:
        return _with_serial(text, first)
    same = _with_serial(text, int(found[2]))
    return same if same == before else _with_serial(text, max(first, int(found[2]) + 1))


def _with_serial(text: str, serial: int) -> str:
    return SERIAL.sub(rf"\g<1>{serial} ", text, count=1)
