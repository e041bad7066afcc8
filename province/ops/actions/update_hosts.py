"""Bring hosts to the release of updates that their ring may have, in batches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.updates import Release, release_for
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble
from province.ops.node_wire import NodeTrouble, ask, request

NAMED = 4
"""Packages that a line names one by one."""


class UpdateHosts(Action):
    """Bring hosts to the newest release of updates that has come to their ring: its versions, and no others.

    When: the window of a ring's hosts is open and `province updates` shows a release that they do not have. The line is
    asked first: fetch by day (`--fetch`), install in the window. What was cut off goes on where it stopped.

    Blast radius: services of one batch at a time that still run what was replaced are restarted, never both bodies of a
    commune, never two hosts of one role at one site. An index that is corrupted, older or another than the model says
    is refused and nothing is touched. Nothing boots: `province op reboot-hosts` does, in its own window.

    Way back: versions do not go back. A package that does harm gets a row in registers/update-holds.yml, and its mend
    comes with the next release; the run has stopped at the batch that showed it.
    """

    verb: ClassVar[str] = "update-hosts"
    commands: ClassVar[tuple[str, ...]] = (
        "province updates",
        "province op update-hosts all",
        'province op update-hosts all --fetch --reason "November, ahead of the window" --go',
        'province op update-hosts all --reason "security updates of November" --ticket OPS-114 --go',
    )
    healthy_seconds: ClassVar[float] = 120.0

    @property
    def fetches(self) -> bool:
        """Whether packages are only fetched."""
        return self.arguments["fetch"] == "yes"

    @property
    def keeps_calendar(self) -> bool:
        """Fetching changes nothing and may be done by day."""
        return not self.fetches

    def pre(self, scene: Scene, host: Host) -> str:
        """What the release would change; nothing where none has come to the ring, or the host has it."""
        release = self._release(scene.fleet, host)
        if release is None:
            return ""
        told = self._ask(scene, host, "look", release, check=True)
        if self.fetches:
            return f"fetch {_megabytes(told)} of {release.id}" if told["bytes"] else ""
        if told["changes"]:
            return f"take {release.id}: {len(told['changes'])} packages, {_megabytes(told)}: {_named(told['changes'])}"
        return "" if told["has"].get("suite") == release.id else f"note {release.id}, whose versions are there"

    def act(self, scene: Scene, host: Host) -> str:
        """Take it, or fetch it."""
        release = self._release(scene.fleet, host)
        if release is None:
            raise ActionTrouble("no release has come to its ring")
        if self.fetches:
            self._ask(scene, host, "fetch", release)
            return f"fetched {release.id}"
        told = self._ask(scene, host, "take", release)
        said = [f"took {release.id}: {len(told['changes'])} packages"]
        said += ["finished first what was half installed"] if told["repaired"] else []
        said += [f"restarted {' '.join(told['restarted'])}"] if told["restarted"] else []
        said += [f"has to boot anew for {' '.join(told['reboot'])}"] if told["reboot"] else []
        return "; ".join(said)

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """It has the release, whole, and no unit has failed since."""
        release = self._release(scene.fleet, host)
        if release is None or self.fetches:
            return ""
        told = self._ask(scene, host, "state", release, check=True)
        has = told["has"].get("suite")
        if has != release.id:
            return f"it has {has or 'no release'} instead of {release.id}"
        if told["interrupted"]:
            return "an installation is half done"
        return f"failed: {' '.join(told['failed'])}" if told["failed"] else ""

    def _release(self, fleet: Fleet, host: Host) -> Release | None:
        """What the host may have as of the moment that the run began, so that a resumed one does the same."""
        return release_for(fleet, host, datetime.fromisoformat(self.arguments["at"]))

    def _ask(self, scene: Scene, host: Host, what: str, release: Release, *, check: bool = False) -> Mapping[str, Any]:
        """What the host answers; ActionTrouble with its own words."""
        rules = scene.fleet.province.updates
        today = datetime.fromisoformat(self.arguments["at"]).astimezone(LOCAL).date()
        asked = request(
            f"update-{what}",
            reason=self.arguments["reason"],
            check=check,
            suite=release.id,
            index_sha256=release.index_sha256,
            holds=[
                {"package": one.package, "reason": one.reason, "owner": one.owner, "until": str(one.until),
                 "over": not one.holds(today)}
                for one in scene.fleet.registers.update_holds.rows
            ],
            reboot_for=rules.reboot_for,
            never_restarted=rules.never_restarted,
        )  # fmt: skip
        try:
            return ask(scene.contact(scene.fleet, host.name), asked)
        except NodeTrouble as trouble:
            raise ActionTrouble(str(trouble)) from None


def _megabytes(told: Mapping[str, Any]) -> str:
    return f"{told['bytes'] / 1e6:.1f} MB"


def _named(changes: list[str]) -> str:
    more = f" and {len(changes) - NAMED} more" if len(changes) > NAMED else ""
    return ", ".join(changes[:NAMED]) + more
