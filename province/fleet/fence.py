"""Fenced sites: data centres that stand and must not serve: half alive, or somebody else does their work.

`province op fence-site` writes them to the environment's own folder, `fences.yml`; Git keeps it. What follows from a
fence is worked out where the rest of a host's state is: names (`manifest/names.py`), what gateways say and let through,
and the doors of the entrances.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from province.fleet.fact import Fact, NonBlank, Slug
from province.fleet.findings import Finding

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet

FENCES = "fences.yml"
"""The file in the folder of an environment; none while no site is fenced."""


class Fence(Fact):
    """One site that must not serve: `id` is the site's, then since when, who said so, and why."""

    id: Slug
    since: dt.datetime
    who: NonBlank
    reason: NonBlank


def check_fences(fleet: Fleet) -> Iterator[Finding]:
    """A fence stands around a data centre, and never around the last one."""
    file = f"{fleet.root.name}/{fleet.environment.id}/{FENCES}"
    known = [site.id for site in fleet.data_centres]
    for site in fleet.fences:
        if site not in known:
            yield Finding(file, f"{site}.id", site, "is no data centre", f"known: {', '.join(known)}")
    if known and set(known) <= set(fleet.fences):
        mend = "take one out: province op unfence-site"
        yield Finding(file, "", ", ".join(known), "every data centre is fenced: nobody would be served", mend)
