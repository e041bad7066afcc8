"""Swap the box of a node: the old one is shut out, and a seed is made with which another one becomes the node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.seeds import load_seeds
from province.manifest.trust import trust_folder
from province.ops.actions.action import Scene
from province.ops.actions.revoke_node import RevokeNode
from province.seed.make import make, seed_folder
from province.verify.signature import signer_of


class ReplaceNode(RevokeNode):
    """Shut a node's box out of every gateway, and make the seed with which another box becomes the node.

    When: a box is broken, or it was stolen (then `revoke-node` first, at once) and a spare is at hand. The page for the
    person at the commune is docs/handbook/field-swap.md.

    Blast radius: one node. Its body of the commune is off from now until the new box has claimed the node; the other
    body works on. The old box's keys are refused by every gateway and never come back, so begin when the spare is on
    the table. Also done without a box to be shut out: then only the seed is made.

    Way back: none for the old box; wiped, it is a spare like any other. A seed that was lost or is over is made anew by
    the same command with another folder, and the one before is withdrawn. Once the new box is on: `province claim
    HOST`, the playbook `enrol` for HOST, then `baseline` for the gateways and HOST together, because a tunnel is up
    when both ends know each other; then `province verify`. Commit `inventories/<environment>/trust` afterwards.
    """

    verb: ClassVar[str] = "replace-node"
    commands: ClassVar[tuple[str, ...]] = (
        "province op replace-node HOST -e production --to /media/stick",
        'province op replace-node HOST -e production --to /media/stick --reason "box burnt" --ticket OPS-118 --go',
        "province claim HOST -e production",
        "province boxes HOST -e production",
    )
    at_most: ClassVar[int | None] = 1

    @property
    def to(self) -> Path:
        """The folder that gets the seed."""
        return Path(self.arguments["to"])

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:
        """Every gateway that this environment runs; also for a node whose box was revoked before.

        Raises ProvinceError for what is no node, and for a folder that holds a seed already.
        """
        for host in targets:
            self.refuse_other(host)
            if (there := seed_folder(self.to, host)).exists():
                raise ProvinceError(
                    f"{there} is there already", hint="name another folder with --to", exit_code=ExitCode.USAGE
                )
        return tuple(host for host in fleet.hosts.values() if host.host_class == "gateway")

    def prepare(self, scene: Scene) -> None:
        """Revoke the old box in the registers, then make the seed; what a killed run has done is not done again."""
        super().prepare(scene)
        fleet = scene.fleet
        for node in (fleet.hosts[name] for name in self.nodes):
            if not seed_folder(self.to, node).exists():
                config = fleet.root / fleet.environment.id / "ssh_config"
                signer = signer_of(config) if config.is_file() else None
                reason = self.arguments["reason"]
                make(fleet, node, self.to, reason=reason, now=datetime.now(UTC), signer=signer)

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """No gateway knows the old box, and the new one has a token that is good."""
        now = datetime.now(UTC)
        rows = load_seeds(trust_folder(scene.fleet))
        without = [name for name in self.nodes if not any(row.host == name and row.is_open(now) for row in rows)]
        return super().unhealthy(scene, host) or "; ".join(f"{name} has no token that is good" for name in without)
