"""Traffic classes: what waits for what on a full line, and which connections belong to which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, StringConstraints

from province.fleet.fact import Fact, Names, Percent, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved

Dscp = Literal["cs0", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "af11", "af21", "af31", "af41", "ef"]
"""A mark in the IP header, by its standard name (RFC 2474, RFC 2597, RFC 3246)."""


def dscp_number(mark: Dscp) -> int:
    """The six bits of a mark: class selectors count in eights, assured forwarding adds its drop precedence."""
    if mark == "ef":
        return 46
    level = int(mark[2]) * 8
    return level if mark.startswith("cs") else level + int(mark[3]) * 2


ClassName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{1,14}$")]

MOST_CLASSES = 8
"""The kernel's queues know so many priorities (tc-htb(8))."""


class TrafficClass(Fact):
    """Connections that share a queue.

    `share` and `thin_share`: what the class has for itself on a line that is full, percent of what the node may send.
    `queue_ms`: the longest that a packet waits at the line's full rate, milliseconds.
    `zones`, `systems`, `capabilities`: whose connections belong to it.
    """

    id: ClassName
    name: Names
    dscp: Dscp
    share: Annotated[Percent, Field(gt=0)]
    thin_share: Annotated[Percent, Field(gt=0)]
    queue_ms: PositiveInt
    zones: tuple[str, ...] = ()
    systems: tuple[Slug, ...] = ()
    capabilities: tuple[str, ...] = ()


class Traffic(Fact):
    """The classes in order, the first served first; a line of at most `thin_mbps` is thin, megabit per second.

    `arrival`: how much of what a line may carry a node takes from it, percent. Each gateway fills the line by itself
    and knows nothing of the others; a node that takes a little less makes all senders slow down before the line does.
    """

    thin_mbps: PositiveInt
    arrival: Annotated[Percent, Field(gt=0)]
    classes: Annotated[tuple[TrafficClass, ...], Field(min_length=1, max_length=MOST_CLASSES)]
    source: SourceRef

    @property
    def ordinary(self) -> TrafficClass:
        """The class of what no class claims: the one whose mark says nothing (RFC 2474, default forwarding)."""
        return next(one for one in self.classes if one.dscp == "cs0")

    def of_zone(self, zone: str) -> TrafficClass:
        """The class of a zone's connections."""
        return next((one for one in self.classes if zone in one.zones), self.ordinary)

    def of_system(self, system: str) -> TrafficClass | None:
        """The class that claims a system, None when its users' zones decide."""
        return next((one for one in self.classes if system in one.systems), None)


def check_traffic(
    traffic: Traffic, *, zones: Collection[str], systems: Collection[str], file: str
) -> Iterator[Finding]:
    """Classes claim what exists, nothing twice, and share out exactly one line."""
    for one in traffic.classes:
        key = f"traffic.classes.{one.id}"
        for zone in one.zones:
            yield from unresolved(file, f"{key}.zones", zone, zones, "zone of communes")
        for system in one.systems:
            yield from unresolved(file, f"{key}.systems", system, systems, "system")
    for kind in ("id", "dscp", "zones", "systems", "capabilities"):
        claims = Counter(claim for one in traffic.classes for claim in _claims(getattr(one, kind)))
        for claim in (claim for claim, count in claims.items() if count > 1):
            yield Finding(file, f"traffic.classes.{kind}", claim, "two classes have it", "leave it to one of them")
    if all(one.dscp != "cs0" for one in traffic.classes):
        mend = "give one class `dscp: cs0`; it takes what no other class claims"
        yield Finding(file, "traffic.classes.dscp", "", "no class is the ordinary one", mend)
    for share in ("share", "thin_share"):
        total = sum(getattr(one, share) for one in traffic.classes)
        if total != 100:
            yield Finding(file, f"traffic.classes.{share}", f"{total:g}", "must add up to 100", "correct the shares")


def _claims(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value
