"""For name servers that take zone files: the names that the provincial resolvers answer, and the way back."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from province.exports.sources import Files, Sources, origin
from province.exports.zone_file import Record, numbered, zone_file
from province.fleet.site import Duty
from province.manifest.names import known_names, reverse_zones
from province.manifest.peers import Peers


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
    comment, servers = origin(fleet, "dns"), [f"dns.{domain}"]
    return {
        name: numbered(text, sources.before.get(name), sources.today)
        for zone, records in held.items()
        for name, text in ((f"db.{zone}", zone_file(zone, comment, servers, domain, records)),)
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
