"""The book of proofs of an environment, as every reader of it opens it."""

from __future__ import annotations

from pathlib import Path

from province.fleet.fleet import Fleet
from province.migration.proofs import Book
from province.ops.workplace import Workplace
from province.verify.operators import operators_of
from province.verify.signature import signer_of


def folder_of(fleet: Fleet) -> Path:
    """Where journals, proofs and copies lie."""
    return Workplace.of(fleet).private / "migration"


def book_of(fleet: Fleet) -> Book:
    """Proofs are signed where the environment has a certificate, and count unsigned in no real one."""
    config = fleet.root / fleet.environment.id / "ssh_config"
    signer = signer_of(config) if config.is_file() else None
    signed = signer is not None or fleet.environment.requires_verified
    return Book(folder_of(fleet), signer, operators_of(fleet) if signed else None)
