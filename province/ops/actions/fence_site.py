"""Keep a data centre from serving while it is half alive, and let it serve again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import ClassVar

from pydantic import TypeAdapter

from province.errors import ExitCode, ProvinceError
from province.fleet.fence import FENCES, Fence
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import load_trust
from province.manifest.written_register import read_rows, written_rows
from province.ops import node_talk
from province.ops.actions import fence_seen as seen
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble
from province.ops.enrol import write_register
from province.ops.node_wire import NodeTrouble
from province.whoami import operator

CONFIRM_SECONDS = 120
"""As long as a gateway waits to be confirmed after its firewall or routing changed."""
MEND = "bring the file back from Git; `province op fence-site` writes it"

_ROWS = TypeAdapter(tuple[Fence, ...])


class OfFence(Action):
    """What both verbs do: have the model say it, and every host at a site follow that reads of it.

    Which hosts and which of their capabilities follows from the model alone: those that differ with the fence and
    without it.
    """

    at_once: ClassVar[bool] = True
    fenced: ClassVar[bool]
    """Whether the site is fenced afterwards."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        super().__init__(arguments)
        self._lock = RLock()
        self._known: dict[str, tuple[str, ...]] = {}
        self._made: dict[bool, Builder] = {}
        self._carried: int | None = None

    @property
    def site(self) -> str:
        """The data centre."""
        return self.arguments["site"]

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:  # noqa: ARG002 - the model knows them
        """Every host at any site whose state differs by the fence.

        Raises ProvinceError for what is no data centre, and when nobody would be left to serve.
        """
        known = [site.id for site in fleet.data_centres]
        if self.site not in known:
            raise ProvinceError(
                f"{self.site!r} is no data centre", hint=f"known: {', '.join(known)}", exit_code=ExitCode.USAGE
            )
        self.refuse(fleet)
        return tuple(host for host in fleet.hosts.values() if host.site and self._parts(fleet, host))

    @abstractmethod
    def refuse(self, fleet: Fleet) -> None:
        """Raise ProvinceError when it must not be done at all."""

    def prepare(self, scene: Scene) -> None:
        """Write the register of fences; it stays as it is when it says so already."""
        path = scene.fleet.root / scene.fleet.environment.id / FENCES
        rows = read_rows(_ROWS, path, MEND)
        if self.fenced == any(row.id == self.site for row in rows):
            return
        others = [row for row in rows if row.id != self.site]
        written = [*others, self._row()] if self.fenced else others
        if written:
            heading = "Data centres that must not serve; written by `province op fence-site`, kept in Git."
            write_register({path: written_rows(written, heading)})
        else:
            Path.unlink(path)

    def pre(self, scene: Scene, host: Host) -> str:
        """What the host would be told; nothing when its files and its daemons say so already."""
        self.refuse_at(scene)
        return "" if self._is_so(scene, host) else self.told(scene.fleet, host)

    def _is_so(self, scene: Scene, host: Host) -> bool:
        """Whether files and daemons say so already; what half-alive hosts fail at is still to be done."""
        for path, file in self._wanted(scene.fleet, host).files.items():
            if scene.remote.run(host.name, ["cat", path]).printed != file.content:
                return False
        try:
            return not self.unhealthy(scene, host)
        except ActionTrouble:
            return False

    def refuse_at(self, scene: Scene) -> None:  # noqa: ARG002 - the fence asks
        """Raise ActionTrouble when hosts say that it must not be done."""
        return

    @abstractmethod
    def told(self, fleet: Fleet, host: Host) -> str:
        """What is done to a host, in a line."""

    def act(self, scene: Scene, host: Host) -> str:
        """Make the capabilities that read of the fence so; a host that can then no longer be entered goes back."""
        fleet = scene.fleet
        manifest = self._wanted(fleet, host)
        only = self._parts(fleet, host)
        reason = f"{self.verb} {self.site}: {self.arguments['reason']}"
        wish = node_talk.Wish(manifest.digest, manifest.desired, only, reason=reason, confirm_seconds=CONFIRM_SECONDS)
        try:
            result = node_talk.apply(scene.contact(fleet, host.name), wish)
        except NodeTrouble as trouble:
            raise ActionTrouble(f"its state could not be changed: {trouble}") from None
        return f"{' and '.join(only)}: {len(result.changes)} changes"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """What the host's daemons and its kernel still do otherwise."""
        fleet, parts = self._then(scene.fleet), self._parts(scene.fleet, host)
        found = [
            seen.routing(scene.remote, host, fenced=self.fenced) if "gateway_routing" in parts else "",
            seen.names(scene.remote, fleet, host) if "dns" in parts else "",
            seen.doors(scene.remote, fleet, host, self.site, fenced=self.fenced) if "firewall" in parts else "",
        ]
        return "; ".join(filter(None, found))

    def _row(self) -> Fence:
        reason = self.arguments["reason"] or self.verb  # nobody has to say why as long as nothing is done
        return Fence(id=self.site, since=datetime.now(UTC), who=operator(), reason=reason)

    def _then(self, fleet: Fleet) -> Fleet:
        """The fleet as it is afterwards."""
        return self._sides(fleet)[self.fenced].fleet

    def _wanted(self, fleet: Fleet, host: Host) -> Manifest:
        with self._lock:
            return self._sides(fleet)[self.fenced].build(host, only=self._parts(fleet, host))

    def _parts(self, fleet: Fleet, host: Host) -> tuple[str, ...]:
        """The capabilities of a host that differ by the fence."""
        with self._lock:
            if host.name not in self._known:
                whole, shut = (self._sides(fleet)[fenced].build(host) for fenced in (False, True))
                differing = {
                    file.capability for path, file in shut.files.items() if whole.files[path].content != file.content
                }
                self._known[host.name] = tuple(one for one in shut.capabilities if one in differing)
            return self._known[host.name]

    def _sides(self, fleet: Fleet) -> Mapping[bool, Builder]:
        """Builders of the fleet without the fence and with it; what the register says by now makes no difference."""
        with self._lock:
            if not self._made:
                trust = load_trust(fleet)
                without = {name: row for name, row in fleet.fences.items() if name != self.site}
                self._made[False] = Builder(replace(fleet, fences=MappingProxyType(without)), trust)
                fences = MappingProxyType({**without, self.site: self._row()})
                self._made[True] = Builder(replace(fleet, fences=fences), trust)
            return self._made


class FenceSite(OfFence):
    """Keep a data centre that is half alive from serving: nobody is led there, let in there, or told its addresses.

    When: a site answers some and not others, its storage or its cluster is damaged, or its work goes on at the other
    site and must not go on in both. Try it dry first: it names the hosts that cannot be reached.

    Blast radius: the whole site. Its gateways stay connected and announce nothing, neither to nodes nor to routers;
    no gateway of any site takes users to its entrances and services; its entrances drop who comes all the same; every
    resolver names the other site's entrances for systems that run at both, and does not know those that run here
    alone. What nodes looked up before they keep for up to five minutes. Hosts of the site go on working and are
    watched, logged and administered as before. Refused when no gateway of another site carries a node, or every other
    site is fenced. A gateway of the site that cannot be reached is told of and goes on leading nodes to it: cut its
    power or its lines, then repeat the command. Databases are not moved; documents and copies that nodes queue wait
    for the site.

    Way back: `province op unfence-site`. Commit `inventories/<environment>/fences.yml` both times.
    """

    verb: ClassVar[str] = "fence-site"
    commands: ClassVar[tuple[str, ...]] = (
        "province op fence-site SITE -e production",
        'province op fence-site SITE -e production --reason "storage answers half" --ticket INC-9 --go',
    )
    urgent: ClassVar[bool] = True
    fenced: ClassVar[bool] = True

    def refuse(self, fleet: Fleet) -> None:
        """Somebody must be left to serve."""
        if not [one for one in fleet.data_centres if one.id != self.site and one.id not in fleet.fences]:
            raise ProvinceError(
                f"every other data centre is fenced: without {self.site} nobody would be served",
                hint="let the other one serve again first: province op unfence-site",
            )

    def about(self, fleet: Fleet) -> tuple[str, ...]:
        """What nobody will find meanwhile."""
        site = fleet.sites[self.site]
        elsewhere = {one.id for other in fleet.data_centres if other is not site for one in fleet.systems_at(other)}
        alone = [one.id for one in fleet.systems_at(site) if one.id not in elsewhere]
        return (f"{len(alone)} systems run at {self.site} alone and stop: {' '.join(alone)}",) if alone else ()

    def refuse_at(self, scene: Scene) -> None:
        """A gateway of another site must carry nodes; asked once."""
        with self._lock:
            if self._carried is None:
                shut: Collection[str] = {self.site, *scene.fleet.fences}
                others = [one for one in scene.fleet.hosts.values() if one.host_class == "gateway"]
                self._carried = seen.carried(scene.remote, [one for one in others if one.site not in shut])
        if not self._carried:
            raise ActionTrouble("no gateway of another site carries a node: nobody would be served")

    def told(self, fleet: Fleet, host: Host) -> str:
        """By what the host does."""
        return seen.said(
            self._parts(fleet, host),
            {
                "gateway_routing": f"announce nothing of {self.site} any more",
                "dns": f"name no entrance of {self.site} any more",
                "firewall": f"let no user through to {self.site} any more",
            },
        )


class UnfenceSite(OfFence):
    """Let a data centre that was fenced serve again.

    When: the site is whole again, `province verify` finds its hosts as declared, and what the other site did meanwhile
    is back where it belongs. Users are led back at once.

    Blast radius: the whole site, all of its hosts that read of the fence at the same time; it waits for the windows of
    the hosts. What the other site's databases took meanwhile is not moved by it.

    Way back: `province op fence-site`. Commit `inventories/<environment>/fences.yml` both times.
    """

    verb: ClassVar[str] = "unfence-site"
    commands: ClassVar[tuple[str, ...]] = (
        "province op unfence-site SITE -e production",
        'province op unfence-site SITE -e production --reason "storage is whole" --ticket INC-9 --go',
    )
    fenced: ClassVar[bool] = False

    def refuse(self, fleet: Fleet) -> None:
        """Nothing keeps a site from serving."""

    def told(self, fleet: Fleet, host: Host) -> str:
        """By what the host does."""
        return seen.said(
            self._parts(fleet, host),
            {
                "gateway_routing": f"announce {self.site} again",
                "dns": f"name the entrances of {self.site} again",
                "firewall": f"let users through to {self.site} again",
            },
        )
