"""NetBox's circuit tables: leased lines, backups and uplinks, with their providers and capacities in kbps."""

from __future__ import annotations

from collections.abc import Iterator

from province.exports.netbox_table import Table
from province.exports.sources import Row
from province.fleet.commune import BackupKind, slugify
from province.fleet.fact import Body
from province.fleet.fleet import Fleet

UNKNOWN = "Unknown provider"
"""NetBox wants a provider for every circuit; the model has none where nobody has said it."""
UPLINK = "uplink"
KBPS = 1000
"""In one Mbps."""


def _providers(fleet: Fleet) -> Iterator[Row]:
    for name in sorted({str(row["provider"]) for row in _circuits(fleet)}):
        yield {"name": name, "slug": slugify(name)}


def _types(fleet: Fleet) -> Iterator[Row]:
    for name in sorted({str(row["type"]) for row in _circuits(fleet)}):
        yield {"name": name, "slug": name}


def _circuits(fleet: Fleet) -> Iterator[Row]:
    leased = fleet.province.leased_path.id
    nodes = [host for host in fleet.hosts.values() if host.commune]
    for host in nodes:
        commune = fleet.communes[host.commune or ""]
        line = commune.lines.of(host.body or Body.PEOPLE)
        yield _circuit(f"{host.name}-{leased}", line.carrier, leased, line.mbps, commune.name, line.verified)
    for code in dict.fromkeys(host.commune for host in nodes):
        commune = fleet.communes[code or ""]
        for kind in BackupKind:
            if backup := commune.backup(kind):
                yield _circuit(f"{commune.short}-{kind}", None, kind.value, backup.mbps, commune.name, False)
    for site in fleet.sites.values():
        for uplink in site.uplinks:
            mbps = uplink.gbps * 1000
            yield _circuit(f"{site.id}-{uplink.id}", uplink.provider, UPLINK, mbps, site.name.vi, uplink.verified)


def _circuit(cid: str, provider: str | None, kind: str, mbps: float | None, place: str, verified: bool) -> Row:
    return {
        "cid": cid,
        "provider": provider or UNKNOWN,
        "type": kind,
        "status": "active",
        "commit_rate": None if mbps is None else round(mbps * KBPS),
        "description": place if verified else f"{place} (not verified)",
    }


CIRCUIT_TABLES = (
    Table("providers", ("name", "slug"), _providers),
    Table("circuit-types", ("name", "slug"), _types),
    Table("circuits", ("cid", "provider", "type", "status", "commit_rate", "description"), _circuits),
)
