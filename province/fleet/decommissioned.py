"""Hosts that left for good: the model forgets them, so that no other host is told of their addresses any more.

`province op decommission` writes them to the environment's own folder, `decommissioned.yml`; Git keeps it. The ranks
from which addresses are computed stay as they are: what such a host had is free, and nobody else moves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from province.fleet.fact import Fact, NonBlank, Slug
from province.fleet.findings import Finding

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

DECOMMISSIONED = "decommissioned.yml"
"""The file in the folder of an environment; none as long as no host has left."""


class Decommissioned(Fact):
    """One host: `id` is its name, then when, who did it, who approved, why, and the addresses that it had.

    `approval` is the approver's signature over the statement (PROTOCOL.sshsig of OpenSSH), as it was judged that day.
    """

    id: Slug
    since: dt.datetime
    who: NonBlank
    approved_by: NonBlank
    approval: Annotated[str, Field(min_length=1)]
    reason: NonBlank
    ticket: str = ""
    addresses: Annotated[tuple[NonBlank, ...], Field(min_length=1)]


def check_decommissioned(fleet: Fleet) -> Iterator[Finding]:
    """No commune is left without any node of those that this environment runs."""
    file = f"{fleet.root.name}/{fleet.environment.id}/{DECOMMISSIONED}"
    left = {host.commune for host in fleet.hosts.values()}
    for node in fleet.nodes:
        if node.name in fleet.decommissioned and node.commune not in left:
            yield Finding(file, f"{node.name}.id", node.name, "its commune has no node left", "take the row out")
