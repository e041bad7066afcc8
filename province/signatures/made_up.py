"""Certificates that nobody has, as many as the published numbers say, for environments without real people."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.signatures.register import INDICATORS
from province.signatures.row import Kind, Signature

LIFE_DAYS = {Kind.PERSONAL: 3 * 365, Kind.ORGANISATION: 5 * 365}
"""How long a certificate is valid; assumed (source A)."""


def made_up(fleet: Fleet, today: date) -> list[Signature]:
    """The same certificates on the same day, always; spread over communes and over their lives.

    Raises ProvinceError for an environment that has real ones.
    """
    if fleet.environment.requires_verified:
        raise ProvinceError(
            f"{fleet.environment.id} has real people, whose certificates are imported; none are made up for it",
            exit_code=ExitCode.USAGE,
        )
    chance = Random(fleet.province.id)  # noqa: S311 - no secret
    return [_one(fleet, kind, number, chance, today) for kind in Kind for number in range(1, wanted(fleet, kind) + 1)]


def wanted(fleet: Fleet, kind: Kind) -> int:
    """How many certificates of a kind somebody counted."""
    indicator = fleet.registers.indicators.get(INDICATORS[kind])
    return int(indicator.figure.value) if indicator else 0


def _one(fleet: Fleet, kind: Kind, number: int, chance: Random, today: date) -> Signature:
    commune = list(fleet.communes.values())[number % len(fleet.communes)]
    life = LIFE_DAYS[kind]
    ends = today + timedelta(days=chance.randrange(-20, life))
    holder = f"Cán bộ {number}" if kind is Kind.PERSONAL else f"Tổ chức {number}"
    return Signature(
        serial=f"{chance.getrandbits(64):016X}",
        kind=kind,
        holder=holder,
        unit=commune.name,
        issuer="CA thử nghiệm",
        begins=ends - timedelta(days=life),
        ends=ends,
    )
