"""The criteria of the government cloud guideline, part by part: what is declared for each and which test proves it.

Dispatch 1145/BTTTT-CATTT was read as a digest only (source V20): its groups and parts are from there, the wording of
each row is ours, and no number of a paragraph is given.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from province.fleet.fact import Names, NonBlank, Slug, SourceRef
from province.fleet.row import Row


class CloudPart(StrEnum):
    """The parts of the guideline: six of features, then two of security. A part passes when all its rows pass."""

    VIRTUAL_MACHINES = "virtual-machines"
    STORAGE = "storage"
    NETWORK = "network"
    PHYSICAL_MACHINES = "physical-machines"
    ADMINISTRATION = "administration"
    INTEGRATION = "integration"
    SECURITY_FUNCTIONS = "security-functions"
    SECURE_CONFIGURATION = "secure-configuration"


class CloudState(StrEnum):
    """What can be said of a row today."""

    PROVEN = "proven"
    """Declared, and a test shows that it works."""
    DECLARED = "declared"
    """Declared, but no test shows it yet; `open` says what is missing."""
    OPEN = "open"
    """Not declared yet; `open` says why."""


class CloudRequirement(Row):
    """One row of the matrix: what is asked, where it is declared (paths), which tests prove it, what stays open.

    `verified` turns true when the row has been compared with the text of the guideline itself.
    """

    id: Slug
    part: CloudPart
    name: Names
    declared_in: tuple[NonBlank, ...] = ()
    proven_by: tuple[NonBlank, ...] = ()
    open: NonBlank | None = None
    source: SourceRef
    verified: bool = False

    @property
    def state(self) -> CloudState:
        """Proven when a test proves it and nothing is open."""
        if not self.declared_in:
            return CloudState.OPEN
        return CloudState.PROVEN if self.proven_by and self.open is None else CloudState.DECLARED

    @model_validator(mode="after")
    def _says_what_is_open(self) -> Self:
        if self.proven_by and not self.declared_in:
            raise ValueError("a test proves what is declared: name the place in `declared_in`")
        if not self.proven_by and self.open is None:
            raise ValueError("say in `open` what no test of ours can show, or name the test in `proven_by`")
        return self
