"""For NetBox: CSV files in the columns of its bulk import forms, numbered in the order in which they must be imported.

Columns are those of NetBox 4 (`*/forms/bulk_import.py`). Those forms find a prefix's site and a circuit's end by
numbers of the database only, which nobody knows before the import; what belongs where is in names and descriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from province.exports.netbox_addresses import ADDRESS_TABLES
from province.exports.netbox_circuits import CIRCUIT_TABLES
from province.exports.netbox_table import Table
from province.exports.sources import Files, Row, Sources, table
from province.fleet.commune import Commune
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.site import Site

MAKER = "Unknown"
"""The model says what a host is for, not whose hardware it is."""
GREY = "9e9e9e"
ACTIVE = "active"


def files(sources: Sources) -> Files:
    """One file for each kind of object: `01-regions.csv` and so on."""
    return {
        f"{number:02}-{one.name}.csv": table(one.columns, one.rows(sources.fleet))
        for number, one in enumerate(TABLES, start=1)
    }


@dataclass(frozen=True)
class Places:
    """Where the environment has hosts."""

    sites: tuple[Site, ...]
    communes: tuple[Commune, ...]

    @classmethod
    def of(cls, fleet: Fleet) -> Places:
        """The sites and communes of an environment's hosts, in the model's order."""
        sites = {host.site for host in fleet.hosts.values()}
        communes = {host.commune for host in fleet.hosts.values()}
        return cls(
            tuple(site for site in fleet.sites.values() if site.id in sites),
            tuple(commune for commune in fleet.communes.values() if commune.code in communes),
        )


def _regions(fleet: Fleet) -> Iterator[Row]:
    yield {"name": fleet.province.name.vi, "slug": fleet.province.id, "description": fleet.province.name.en}


def _sites(fleet: Fleet) -> Iterator[Row]:
    places = Places.of(fleet)
    shared = {"status": ACTIVE, "region": fleet.province.name.vi}
    for site in places.sites:
        found = {"latitude": site.location.lat, "longitude": site.location.lon} if site.location else {}
        yield {"name": site.name.vi, "slug": site.id, "description": site.name.en, **shared, **found}
    for commune in places.communes:
        yield {
            "name": commune.name,
            "slug": commune.slug,
            "facility": commune.code,
            "latitude": commune.location.lat,
            "longitude": commune.location.lon,
            "description": "island" if commune.location.island else "",
            **shared,
        }


def _racks(fleet: Fleet) -> Iterator[Row]:
    for site in Places.of(fleet).sites:
        for rack in site.racks:
            yield {
                "site": site.name.vi,
                "name": rack.id,
                "status": ACTIVE,
                "width": 19,
                "u_height": rack.units,
                "description": f"{rack.power_kw:g} kW",
            }


def _makers(_: Fleet) -> Iterator[Row]:
    yield {"name": MAKER, "slug": MAKER.lower(), "description": "the model does not say whose hardware it is"}


def _device_types(fleet: Fleet) -> Iterator[Row]:
    for host_class in _classes(fleet.hosts.values()):
        yield {"manufacturer": MAKER, "model": host_class, "slug": host_class, "u_height": 1, "is_full_depth": False}


def _device_roles(fleet: Fleet) -> Iterator[Row]:
    for host_class in _classes(fleet.hosts.values()):
        yield {"name": host_class, "slug": host_class, "color": GREY, "vm_role": False}


def _devices(fleet: Fleet) -> Iterator[Row]:
    for host in fleet.hosts.values():
        yield {
            "name": host.name,
            "role": host.host_class,
            "manufacturer": MAKER,
            "device_type": host.host_class,
            "status": ACTIVE,
            "site": fleet.communes[host.commune].name if host.commune else fleet.sites[host.site or ""].name.vi,
            "rack": host.rack,
            "description": fleet.province.bodies[host.body].name.vi if host.body else ", ".join(host.duties),
        }


def _classes(hosts: Iterable[Host]) -> list[str]:
    return sorted({host.host_class for host in hosts})


TABLES = (
    Table("regions", ("name", "slug", "description"), _regions),
    Table(
        "sites",
        ("name", "slug", "status", "region", "facility", "description", "latitude", "longitude"),
        _sites,
    ),
    Table("racks", ("site", "name", "status", "width", "u_height", "description"), _racks),
    Table("manufacturers", ("name", "slug", "description"), _makers),
    Table("device-types", ("manufacturer", "model", "slug", "u_height", "is_full_depth"), _device_types),
    Table("device-roles", ("name", "slug", "color", "vm_role"), _device_roles),
    Table(
        "devices",
        ("name", "role", "manufacturer", "device_type", "status", "site", "rack", "description"),
        _devices,
    ),
    *ADDRESS_TABLES,
    *CIRCUIT_TABLES,
)
