"""Communes: the 102 units of the lower level of government, their lines and their backups."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt, StringConstraints

from province.fleet.fact import Body, Fact, FeatureId, Location, NonBlank, Slug, SourceRef

CommuneCode = Annotated[str, StringConstraints(pattern=r"^\d{5}$")]
"""Official unit code, five digits, always text (Decision 19/2025/QĐ-TTg)."""

CarrierId = Slug


class CommuneKind(StrEnum):
    """The three kinds of commune-level unit since 1 July 2025 (Resolution 1654/NQ-UBTVQH15)."""

    COMMUNE = "xã"
    WARD = "phường"
    SPECIAL_ZONE = "đặc khu"


class BackupKind(StrEnum):
    """What carries the traffic when the leased line is down."""

    INTERNET = "internet"
    CELLULAR = "cellular"
    SATELLITE = "satellite"


class Line(Fact):
    """A leased line of the specialised data network, level II access, one per body and commune.

    Capacity in megabit per second, both directions. Source of the rule: Decision 33/2025/QĐ-TTg.
    """

    mbps: PositiveInt
    carrier: CarrierId | None = None
    source: SourceRef
    verified: bool = False


class Backup(Fact):
    """Another way out of the commune; the list is in order of use."""

    kind: BackupKind
    mbps: PositiveInt | None = None
    source: SourceRef | None = None


class Formerly(Fact):
    """What the unit belonged to before 1 July 2025; old e-office accounts are re-mapped by it."""

    province: NonBlank
    districts: tuple[NonBlank, ...] = Field(min_length=1)


class Lines(Fact):
    """One line for each body."""

    party: Line
    people: Line

    def of(self, body: Body) -> Line:
        """The line of one body."""
        return self.party if body is Body.PARTY else self.people


class Commune(Fact):
    """A commune-level unit with its two bodies."""

    code: CommuneCode
    name: NonBlank
    kind: CommuneKind
    formerly: Formerly
    location: Location
    lines: Lines
    backups: tuple[Backup, ...] = ()
    wifi: bool = False
    features: tuple[FeatureId, ...] = ()

    @property
    def slug(self) -> Slug:
        """The name in ASCII with its kind, unique in the province: `dac-khu-phu-quoc`."""
        return slugify(self.name)

    @property
    def short(self) -> Slug:
        """The name in ASCII without its kind, for host names: `phu-quoc`."""
        return self.slug.removeprefix(slugify(self.kind) + "-")

    def backup(self, kind: BackupKind) -> Backup | None:
        """The commune's backup of a kind, None when it has none."""
        return next((backup for backup in self.backups if backup.kind is kind), None)


def slugify(text: str) -> str:
    """Vietnamese text as lower-case ASCII words joined by hyphens."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return "-".join("".join(char if char.isalnum() else " " for char in letters).split())
