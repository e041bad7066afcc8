"""The register of revoked boxes, `trust/revoked.yml`: public keys of stolen or lost nodes, which never come back.

A box that replaces one makes keys of its own and is enrolled as any other. `province op revoke-node` writes the
register; Git keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from province.fleet.fact import Fact, NonBlank, Slug
from province.manifest.written_register import read_rows, written_rows

REVOKED = "revoked.yml"
MEND = "bring the file back from Git; `province op revoke-node` writes it"


class Revoked(Fact):
    """One box: its host's name then, since when and why, its tunnels' public keys and that of its certificate.

    `certificate` is the key in DER, in hexadecimal digits; empty for a box that had no certificate.
    """

    host: Slug
    since: datetime
    who: NonBlank
    reason: NonBlank
    keys: dict[NonBlank, NonBlank]
    certificate: str = ""


_ROWS = TypeAdapter(tuple[Revoked, ...])


def load_revoked(trust: Path) -> tuple[Revoked, ...]:
    """Every revoked box, the oldest first; none where there is no register.

    Raises BadData that names the file and the key.
    """
    return read_rows(_ROWS, trust / REVOKED, MEND)


def revoked_text(rows: Iterable[Revoked]) -> str:
    """The content of the register: one line for each box."""
    return written_rows(rows, "Public keys that never come back; written by `province op revoke-node`.")
