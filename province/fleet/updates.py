"""Security updates: which state of the mirror a host may have on a day, what stays behind, and when hosts boot anew.

A release is one state of the mirror, in a suite of its own that never changes again. It reaches hosts ring by ring, so
that many days show what it does to few hosts before all have it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, StringConstraints, model_validator

from province.fleet.calendar import LOCAL, Window
from province.fleet.fact import Fact, NonBlank, Port, Slug, SourceRef
from province.fleet.findings import Finding
from province.fleet.references import unresolved
from province.fleet.row import Row

if TYPE_CHECKING:
    from province.fleet.fleet import Fleet
    from province.fleet.hosts import Host

SITES, EDGE = "sites", "edge"
LATE = ("rest", "islands")
"""The ring of hosts at sites, the class of nodes, and the stages of a roll-out that follow those of the model: a node's
ring is named after the stage in which it changes."""
BITS = 8

Suite = Annotated[str, StringConstraints(pattern=r"^[a-z]+-[0-9]{8}$")]
"""A suite of the mirror that holds one day's state: Debian's name of the suite, and the day."""
PackagePattern = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+*-]+$")]
"""A package's name, with `*` for any letters (apt_preferences(5))."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Ring(Fact):
    """Hosts that may have a release so many days after it was let out."""

    id: Slug
    after_days: NonNegativeInt


class RebootWindow(Fact):
    """When hosts of some classes may boot anew."""

    classes: Annotated[tuple[Slug, ...], Field(min_length=1)]
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]


class Updates(Fact):
    """What is true of every release.

    `rings`: the order in which hosts get it. `valid_days`: so long after its day the mirror's signature over a release
    holds; it must reach the last ring and leave as long again as an update may wait (`most_days`). `month_mb`: what a
    node fetches of one month, in MB (10⁶ bytes). `reboot_for`: packages that are only in force once a host booted
    anew. `never_restarted`: units whose restart may cut a host off; they wait for that, too. Each site's caches
    listen on `cache_port`, under an account with the number `cache_uid`, and keep `cache_mb` MB.
    """

    rings: Annotated[tuple[Ring, ...], Field(min_length=1)]
    most_days: PositiveInt
    valid_days: PositiveInt
    month_mb: PositiveFloat
    reboot_for: tuple[PackagePattern, ...]
    never_restarted: tuple[NonBlank, ...]
    reboots: Annotated[tuple[RebootWindow, ...], Field(min_length=1)]
    cache_port: Port
    cache_uid: Annotated[int, Field(ge=820, le=899)]
    cache_mb: PositiveInt
    source: SourceRef

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        days = [one.after_days for one in self.rings]
        if days != sorted(days):
            raise ValueError("rings: each comes as late as the one before it, or later")
        if days[-1] > self.most_days:
            raise ValueError(f"rings: the last has a release after {days[-1]} days; most_days is {self.most_days}")
        if self.valid_days < days[-1] + self.most_days:
            raise ValueError(
                f"valid_days: a release of {self.valid_days} days ends before the next one reaches the last ring;"
                f" give it {days[-1] + self.most_days}"
            )
        return self


class Release(Row):
    """One state of the mirror that hosts may have, since a day, and who let it out.

    `index_sha256` is the checksum of its signed index (`dists/<suite>/InRelease`): with it, not even who has the
    mirror's key can put another one in its place. Null where each mirror signs its own, as in a lab.
    """

    id: Suite
    since: dt.date
    index_sha256: Digest | None = None
    reason: NonBlank
    owner: Slug
    source: SourceRef

    @model_validator(mode="after")
    def _let_out_after_its_day(self) -> Self:
        if self.since < day_of(self.id):
            raise ValueError(f"`since` is before {day_of(self.id)}, the day of its suite")
        return self


class Hold(Row):
    """A package that stays at the version that hosts have, up to and including the day `until`."""

    id: Slug
    package: PackagePattern
    reason: NonBlank
    owner: Slug
    until: dt.date

    def holds(self, today: dt.date) -> bool:
        """Whether its last day is not over."""
        return today <= self.until

    def __str__(self) -> str:
        return f"{self.package} ({self.reason}; {self.owner}, until {self.until})"


def ring_of(fleet: Fleet, host: Host) -> str:
    """The ring of a host: a node's is the stage in which it changes, without the body; one for all hosts at sites."""
    if host.wave is None:
        return SITES
    stage = next(wave.stage for wave in fleet.waves if wave.number == host.wave)
    return stage.partition("-")[0]


def release_for(fleet: Fleet, host: Host, now: dt.datetime) -> Release | None:
    """The newest release that a host may have at a moment; None as long as none has come to its ring.

    Days count where the environment keeps the calendar; elsewhere a host has a release as soon as it is let out.
    """
    days = {one.id: one.after_days for one in fleet.province.updates.rings}
    late = dt.timedelta(days=days[ring_of(fleet, host)] if fleet.environment.keeps_calendar else 0)
    today = now.astimezone(LOCAL).date()
    there = [one for one in fleet.registers.update_releases.rows if one.since + late <= today]
    return max(there, key=lambda one: one.since, default=None)


def reboot_windows(fleet: Fleet, host: Host) -> tuple[Window, ...]:
    """When a host may boot anew; none where the environment keeps no calendar."""
    if not fleet.environment.keeps_calendar:
        return ()
    return tuple(
        window for one in fleet.province.updates.reboots if host.host_class in one.classes for window in one.windows
    )


def may_reboot(fleet: Fleet, host: Host, now: dt.datetime) -> bool:
    """Whether a host may boot anew at a moment; without a window, at any."""
    windows = reboot_windows(fleet, host)
    return not windows or any(one.holds(now) for one in windows)


def seconds_on_line(fleet: Fleet, mbps: int, megabytes: float, *, full: bool) -> float:
    """How long a node fetches so many MB over its leased line, in seconds.

    `full`: everybody else wants the line, too, so that only the share of the class of updates is left.
    """
    traffic, part = fleet.province.traffic, fleet.province.utilisation_limit / 100
    if full:
        own = next((one for one in traffic.classes if "packages" in one.capabilities), traffic.ordinary)
        part *= (own.thin_share if mbps <= traffic.thin_mbps else own.share) / 100
    return megabytes * BITS / (mbps * part)


def check_updates(fleet: Fleet) -> Iterator[Finding]:
    """Every host has a ring, and its class a window in which it may boot anew."""
    updates, file = fleet.province.updates, fleet.origins["province"]
    known = {*(one.id for one in fleet.province.rollout.stages), SITES, *LATE}
    needed = {ring_of(fleet, host) for host in fleet.hosts.values()}
    yield from _cover(file, "updates.rings", [one.id for one in updates.rings], known, needed, "ring")
    classes = {EDGE, *map(str, fleet.province.roles)}
    named = [name for one in updates.reboots for name in one.classes]
    there = {host.host_class for host in fleet.hosts.values()}
    yield from _cover(file, "updates.reboots.classes", named, classes, there, "class of hosts")


def day_of(suite: str) -> dt.date:
    """The day whose state a suite holds."""
    text = suite.rpartition("-")[2]
    return dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _cover(
    file: str, key: str, named: Sequence[str], known: Collection[str], needed: Iterable[str], what: str
) -> Iterator[Finding]:
    """Everything that is needed is named, once, and nothing that nobody knows."""
    for name in sorted(set(named)):
        yield from unresolved(file, key, name, sorted(known), what)
        if named.count(name) > 1:
            yield Finding(file, key, name, f"a {what} that stands twice", "leave one of them")
    for name in sorted(set(needed)):
        if name not in named:
            yield Finding(file, key, name, f"a {what} that is missing", "add it")
