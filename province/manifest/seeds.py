"""The register of one-time tokens, `trust/seeds.yml`, and with it the history of a node's boxes.

A token is a key pair made for one seed (docs/adr/0033): its private half is in the seed alone, its public half is here.
Nothing in this register opens or proves anything, so Git keeps it beside the other registers.
`province provision`, `province claim` and `province op replace-node` write it; nobody edits it by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter

from province.fleet.fact import Fact, NonBlank, Slug
from province.manifest.enrolled import SSH_KEY
from province.manifest.revoked import Revoked
from province.manifest.written_register import read_rows, written_rows

SEEDS = "seeds.yml"
MEND = "bring the file back from Git; `province provision` and `province claim` write it"

PublicKey = Annotated[str, StringConstraints(pattern=r"^ssh-ed25519 [A-Za-z0-9+/=]{68}$")]


class Used(Fact):
    """That a token was used: when, by the box with which SSH key, and how far its clock was off, in seconds."""

    since: datetime
    ssh: PublicKey
    clock_off_s: float = 0.0


class Seed(Fact):
    """One token: for which node, its public key, from when until when it is good, who made it and why.

    `withdrawn`: when another one took its place. A token that is used stays, as the beginning of a box's time.
    """

    host: Slug
    key: PublicKey
    made: datetime
    expires: datetime
    who: NonBlank
    reason: NonBlank
    withdrawn: datetime | None = None
    used: Used | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether a box may still use it."""
        return self.used is None and self.withdrawn is None and now < self.expires


@dataclass(frozen=True)
class Box:
    """One box of a node: its keys by name, from when until when it was the node's, and why it no longer is.

    `since` is None for a box that was enrolled without a seed, `until` for the one that is the node's today.
    """

    host: str
    keys: Mapping[str, str]
    since: datetime | None
    until: datetime | None
    why: str


_ROWS = TypeAdapter(tuple[Seed, ...])


def load_seeds(trust: Path) -> tuple[Seed, ...]:
    """Every token that was ever made, the oldest first. Raises BadData that names the file and the key."""
    return read_rows(_ROWS, trust / SEEDS, MEND)


def seeds_text(rows: Iterable[Seed]) -> str:
    """The content of the register: one line for each token."""
    return written_rows(
        rows, "One-time tokens of seeds, public halves only; written by `province provision` and `province claim`."
    )


def history(
    host: str, seeds: Iterable[Seed], revoked: Iterable[Revoked], enrolled: Mapping[str, Mapping[str, str]]
) -> Iterator[Box]:
    """The boxes of a node, the oldest first: those that were revoked, then the one that is enrolled."""
    begun = {seed.used.ssh: seed.used.since for seed in seeds if seed.used and seed.host == host}
    for row in revoked:
        if row.host == host:
            yield Box(host, row.keys, begun.get(row.keys.get(SSH_KEY, "")), row.since, row.reason)
    if keys := enrolled.get(host):
        yield Box(host, keys, begun.get(keys.get(SSH_KEY, "")), None, "")
