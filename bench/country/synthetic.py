"""The facts of a synthetic country: one inventories folder for each province, as text by path.

Real are the counts: 34 provinces with 3,321 communes, of them 687 wards and 13 special zones, as they stand since
1 July 2025 (Resolution 202/2025/QH15, and one resolution of the Standing Committee for each province on its communes).
Everything else is invented and says so: names and codes are numbers. What provinces have alike is the pattern, read
from a real inventories folder: systems, controls, registers, the roles and counts of hosts. So a synthetic province
costs the model as much as a real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from itertools import accumulate
from pathlib import Path
from typing import Any

import yaml

from province.fleet.commune import CommuneKind, slugify

SIZES = (
    102, 168, 38, 166, 40, 148, 45, 135, 54, 130, 56, 129, 64, 126, 65, 124, 65,
    124, 69, 124, 75, 114, 78, 104, 92, 103, 94, 102, 95, 102, 96, 99, 96, 99,
)  # fmt: skip
"""Communes of each province. Large and small take turns, so that the first provinces are a small country by themselves:
their mean is that of all, and what a node costs can be compared."""

WARDS, SPECIAL_ZONES = 687, 13

OURS = "production"
"""The environment of every synthetic province: all hosts, real hardware."""

CLUSTER_BLOCK = 16
"""This /14 of the private range holds the clusters' own networks, which never leave their site."""

HEADER = "# Synthetic: made by bench/country from the model. No place, no address and no line in it is real.\n"
GENERATED = (
    "fleet/province.yml",
    "fleet/registers/incident-contacts.yml",
    "fleet/registers/devices.yml",
    "fleet/registers/meeting-rooms.yml",
)
# What a synthetic province has of its own or, as the last one, not at all: the pattern's old machine rooms.
FOLDERS = ("fleet/communes", "fleet/sites", "fleet/migration/")

Files = dict[str, str]


@dataclass(frozen=True)
class Pattern:
    """What every province has alike.

    `alike` maps paths below the inventories' folder to text that is copied; `province` and `sites` are the facts of
    which some are replaced; `environment` is the overlay's text.
    """

    alike: Mapping[str, str]
    province: Mapping[str, Any]
    sites: Mapping[str, Mapping[str, Any]]
    environment: str


@dataclass(frozen=True)
class Place:
    """One synthetic province: its number from 1, and how many communes of each kind it has."""

    number: int
    units: Mapping[CommuneKind, int]

    @property
    def id(self) -> str:
        """Its name in files, domains and shards: `mau-01`; *mẫu* is a specimen."""
        return f"mau-{self.number:02}"

    @property
    def communes(self) -> int:
        """How many communes it has, of all kinds."""
        return sum(self.units.values())


def read_pattern(root: Path) -> Pattern:
    """The pattern, from a folder of inventories that is valid."""
    fleet = root / "fleet"
    found = {path.relative_to(root).as_posix(): path for path in sorted(fleet.rglob("*.yml"))}
    alike = {
        name: path.read_text(encoding="utf-8")
        for name, path in found.items()
        if name not in GENERATED and not name.startswith(FOLDERS)
    }
    return Pattern(
        alike=alike,
        province=_read(fleet / "province.yml"),
        sites={path.stem: _read(path) for path in sorted((fleet / "sites").glob("*.yml"))},
        environment=(root / OURS / "environment.yml").read_text(encoding="utf-8"),
    )


def country(sizes: tuple[int, ...] = SIZES) -> tuple[Place, ...]:
    """The provinces in order; wards and special zones are spread in proportion, and are exact over all of `SIZES`."""
    total = sum(SIZES)
    ends = [0, *accumulate(sizes)]

    def part(whole: int, number: int) -> int:
        return round(whole * ends[number] / total) - round(whole * ends[number - 1] / total)

    places = []
    for number, size in enumerate(sizes, start=1):
        wards, special = part(WARDS, number), part(SPECIAL_ZONES, number)
        units = {
            CommuneKind.COMMUNE: size - wards - special,
            CommuneKind.WARD: wards,
            CommuneKind.SPECIAL_ZONE: special,
        }
        places.append(Place(number, {kind: count for kind, count in units.items() if count}))
    return tuple(places)


def province_files(pattern: Pattern, place: Place) -> Files:
    """All files of a province, by their paths below its folder of inventories."""
    kinds = [kind for kind, count in place.units.items() for _ in range(count)]
    communes = dict(_commune(place, rank, kind) for rank, kind in enumerate(kinds, start=1))
    scopes = ["province", *(f"{place.number:02}{rank:03}" for rank in range(1, place.communes + 1))]
    domain = str(pattern.province["domain"])
    return {
        **pattern.alike,
        **communes,
        **{f"fleet/sites/{name}.yml": _dumped(site) for name, site in _sites(pattern)},
        "fleet/province.yml": _dumped(_province(pattern, place)),
        "fleet/registers/incident-contacts.yml": _dumped({"rows": [{"scope": scope} for scope in scopes]}),
        "fleet/registers/devices.yml": _dumped({"rows": []}),
        "fleet/registers/meeting-rooms.yml": _dumped({"rows": []}),
        f"{OURS}/environment.yml": HEADER + pattern.environment.replace(domain, f"{place.id}.example"),
    }


def write(root: Path, pattern: Pattern, places: tuple[Place, ...]) -> dict[str, Path]:
    """Write every province below `root`; the inventories' folders by the provinces' ids."""
    found = {}
    for place in places:
        folder = root / place.id / "inventories"
        for name, text in province_files(pattern, place).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        found[place.id] = folder
    return found


def address_plan(number: int) -> dict[str, Any]:
    """The ranges of a province: a /14 of 10.0.0.0/8 and a /38 of the documentation range, no two provinces the same.

    They hold 256 communes, as long as every tunnel network is a /23: a /24 has room for 119 communes, because the
    nodes of both bodies count through. One /14 is left out for the clusters.
    """
    block = number if number > CLUSTER_BLOCK else number - 1
    ipv4 = int(IPv4Network("10.0.0.0/8").network_address) + (block << 18)
    ipv6 = int(IPv6Network("2001:db8::/32").network_address) + (block << 90)

    def pair(first: int, prefix: int, first6: int, prefix6: int) -> dict[str, str]:
        return {
            "ipv4": str(IPv4Network((ipv4 + first, prefix))),
            "ipv6": str(IPv6Network((ipv6 + first6, prefix6))),
        }

    underlays = ("tslcd", "cellular", "satellite", "internet")
    return {
        "bodies": {
            "government": pair(0, 16, 1 << 80, 48),
            "party": pair(1 << 16, 16, 2 << 80, 48),
        },
        "underlays": {name: pair((2 << 16) + (rank << 10), 22, rank << 64, 64) for rank, name in enumerate(underlays)},
        "sites": pair((2 << 16) + (1 << 14), 18, 1 << 88, 40),
        "tunnels": pair((2 << 16) + (1 << 15), 17, 3 << 80, 48),
        "tunnel_prefix": {"ipv4": 23, "ipv6": 64},
    }


def _province(pattern: Pattern, place: Place) -> dict[str, Any]:
    facts = deepcopy(dict(pattern.province))
    systems = 4_200_000_000 + place.number * 10_000
    return facts | {
        "id": place.id,
        "code": f"{place.number:02}",
        "name": {"vi": f"Tỉnh Mẫu {place.number:02}", "en": f"Specimen province {place.number:02}"},
        "domain": f"{place.id}.example",
        "units": {str(kind): count for kind, count in place.units.items()},
        "addressing": facts["addressing"] | address_plan(place.number),
        "routing": facts["routing"] | {"core_asn": systems, "site_asn": systems + 1, "node_asn": systems + 1_000},
    }


def _sites(pattern: Pattern) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pattern's sites, called by what they are for, without the places where they stand."""
    numbers: Counter[str] = Counter()
    for facts in pattern.sites.values():
        purpose = str(facts["purpose"])
        numbers[purpose] += 1
        name = purpose if numbers[purpose] == 1 else f"{purpose}-{numbers[purpose]}"
        kept = {key: value for key, value in facts.items() if key != "location"}
        yield name, kept | {"name": {"vi": f"Mẫu {name}", "en": f"Specimen {name}"}}


def _commune(place: Place, rank: int, kind: CommuneKind) -> tuple[str, str]:
    """A commune's path and text. A special zone is an island with a satellite, as far from the rest as they come."""
    code = f"{place.number:02}{rank:03}"
    name = f"{kind.capitalize()} Mẫu {code}"
    island = kind is CommuneKind.SPECIAL_ZONE
    location = f"lat: {9 + place.number % 12 + rank / 1000:.3f}, lon: {104 + rank / 100:.3f}"
    line = "{mbps: 6, carrier: null, source: A, verified: false}"
    text = f"""{HEADER}code: "{code}"
name: {name}
kind: {kind}
formerly: {{province: Tỉnh Mẫu {place.number:02} (cũ), districts: [Huyện Mẫu {rank % 10}]}}
location: {{{location}{", island: true" if island else ""}}}
lines:
  party:  {line}
  people: {line}
backups:
  - {{kind: internet}}
  - {{kind: cellular}}
{"  - {kind: satellite}" if island else ""}
"""
    return f"fleet/communes/{code}-{slugify(name)}.yml", text.rstrip("\n") + "\n"


def _read(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return body


def _dumped(facts: Mapping[str, Any]) -> str:
    return HEADER + yaml.dump(dict(facts), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)
