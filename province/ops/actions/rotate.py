"""Have an authority or keys followed by others, step by step, without locking anybody out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.rotations import Kind, Phase, asks_everybody, behind
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble
from province.ops.authority_keys import AuthorityKeys
from province.ops.rotation.host_ca import HostCa
from province.ops.rotation.service_ca import ServiceCa
from province.ops.rotation.standing import Standing, settle_keys
from province.ops.rotation.turning import Step, Surveyed, Turning
from province.ops.rotation.user_ca import UserCa

TURNINGS: Mapping[Kind, type[Turning]] = {one.kind: one for one in (UserCa, HostCa, ServiceCa)}


class Rotate(Action):
    """Have one authority of the province followed by a new one, in steps of which none locks anybody out.

    When: once in its years, when its private key may have been read, or when its keeper leaves. Without `--phase` the
    command says where the rotation stands, what comes next, and which hosts are behind. The steps, each a call of its
    own: `both` (all accept the new one beside the old, which still signs), `new-signs` (all show certificates of the
    new one), `new-only` (nobody accepts the old one any more).

    Blast radius: every host of the environment, in the batches of a roll-out. The new one does not sign while a host
    does not accept it, and the old one is not let go while anybody shows its certificates; a host out of reach counts
    as behind, by name. What a host is told is taken back by itself when the controller can no longer enter it. Killed
    at any point, the same command goes on from what is true in the trust anchors and on the hosts.

    Way back: one step back at a time until the old one was let go: from `new-signs` to `--phase both`, from `both` to
    `--phase old-only`. Afterwards another rotation leads on. Commit `inventories/<environment>/trust` after each step,
    and publish the bundles of nodes again once a new authority of operators signs (`province node pull publish`): what
    the old one signed is refused as soon as it is let go.
    """

    verb: ClassVar[str] = "rotate"
    commands: ClassVar[tuple[str, ...]] = (
        "province op rotate ssh-user-ca -e production",
        "province op rotate ssh-user-ca -e production --phase both --new operators-2027.pub",
        'province op rotate ssh-user-ca -e production --phase both --new operators-2027.pub --reason "yearly" --go',
        'province op rotate ssh-user-ca -e production --phase new-signs --reason "yearly" --go',
        'province op rotate ssh-user-ca -e production --phase new-only --reason "yearly" --go',
    )

    def __init__(self, arguments: Mapping[str, str]) -> None:
        super().__init__(arguments)
        self.turning = TURNINGS[self.kind]()
        self._lock = Lock()
        self._surveyed: Surveyed | None = None

    @property
    def kind(self) -> Kind:
        """The authority."""
        return Kind(self.arguments["what"])

    @property
    def wanted(self) -> Phase:
        """The step."""
        return Phase(self.arguments["phase"])

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:
        """Every host: a rotation of some of them would lock others out.

        Raises ProvinceError for a step that would skip another, and without a new authority to begin with.
        """
        standing = Standing.of(fleet, self.kind)
        standing.refuse(self.wanted)
        new = self.arguments.get("new", "")
        if standing.begins(self.wanted) and not new and not AuthorityKeys.of(fleet, self.kind).here:
            raise ProvinceError(
                f"the key of {self.kind} lies elsewhere: its keeper makes the new one",
                hint=f"bring its public half: --new FILE (as trust/{self.kind.file})",
                exit_code=ExitCode.USAGE,
            )
        return tuple(fleet.hosts.values()) if targets else ()

    def prepare(self, scene: Scene) -> None:
        """Write the step down, then have the controller's own keys and certificates follow it."""
        fleet, now = scene.fleet, datetime.now(UTC)
        standing = Standing.of(fleet, self.kind)
        keys = AuthorityKeys.of(fleet, self.kind)
        if standing.begins(self.wanted):
            standing = standing.begun(self.arguments.get("new") or keys.make_next(now), self.arguments["reason"], now)
        if standing.phase is not self.wanted:
            standing = standing.moved(self.wanted, now)
        if standing.row is None or standing.row.ended:
            return
        settle_keys(keys, self.wanted)
        self.turning.settle(scene, self._step(standing))
        standing.ended(now)

    def pre(self, scene: Scene, host: Host) -> str:
        """What the step would do to the host; refused while it would lock somebody out."""
        standing = Standing.of(scene.fleet, self.kind)
        step = self._step(standing)
        if step.row is not None and asks_everybody(step.now, step.wanted):
            report = self._survey(scene, step)[host.name]
            if isinstance(report, str):
                raise ActionTrouble(f"cannot be asked, and nobody may be left behind: {report}")
            if found := behind(step.row, step.now, step.wanted, report):
                raise ActionTrouble("; ".join(found))
        return self.turning.pending(scene, host, step)

    def act(self, scene: Scene, host: Host) -> str:
        """Bring the host to the step."""
        return self.turning.act(scene, host, self._step(Standing.of(scene.fleet, self.kind)))

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """It is as the step wants it, seen over a new connection."""
        left = self.turning.pending(scene, host, self._step(Standing.of(scene.fleet, self.kind)))
        return f"it has yet to {left}" if left else ""

    def _step(self, standing: Standing) -> Step:
        row = None if standing.begins(self.wanted) else standing.row
        return Step(row, standing.phase, self.wanted, self.arguments["reason"])

    def _survey(self, scene: Scene, step: Step) -> Surveyed:
        """All hosts together, once: where somebody entered last is known only of all of them."""
        with self._lock:
            if self._surveyed is None:
                self._surveyed = self.turning.survey(scene, tuple(scene.fleet.hosts.values()), step)
            return self._surveyed
