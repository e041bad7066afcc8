"""Let a node leave for good: no gateway knows it, no register takes its keys again, and the model forgets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import ClassVar

from pydantic import TypeAdapter

from province.errors import ExitCode, ProvinceError
from province.fleet.decommissioned import DECOMMISSIONED, Decommissioned
from province.fleet.findings import nearest
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.trust import load_trust
from province.manifest.written_register import read_rows, written_rows
from province.ops.actions.action import Scene
from province.ops.actions.revoke_node import RevokeNode
from province.ops.enrol import write_register
from province.verify.signature import Authority
from province.whoami import operator

NAMESPACE = "province-approval"
"""What the approver's signature is for; one made for anything else does not count (ssh-keygen(1), -n)."""
MEND = "bring the file back from Git; `province op decommission` writes it"

_ROWS = TypeAdapter(tuple[Decommissioned, ...])


class Decommission(RevokeNode):
    """Let a node of a commune leave for good: out of every gateway, every register and the model.

    When: a body gives its room up, or communes are joined, and nobody will stand in this node's place. For a box that
    is broken or stolen it is `replace-node` or `revoke-node`. The last node of a commune is refused: its commune leaves
    the model instead. Hosts of sites leave by their count in `inventories/fleet/sites`.

    Blast radius: one node, and its body's users of that commune. Its keys and certificates are revoked as by
    `revoke-node`, every gateway at the same time; its addresses are free, and nobody else's move. A second
    administrator signs that it shall be done; without that nothing is. `province apply` then brings what other hosts
    still know of it, which is names and rows of registers and lets nobody in.

    Way back: none for the keys. As long as the box was not wiped and given away, take its row out of
    `inventories/<environment>/decommissioned.yml` and make it anew as by `province op replace-node`. Whoever takes the
    box away wipes it (`blkdiscard --secure`, or `shred --iterations=3` on every disk), and the ticket says who saw it.
    Commit `inventories/<environment>` afterwards.
    """

    verb: ClassVar[str] = "decommission"
    commands: ClassVar[tuple[str, ...]] = (
        'province op decommission HOST -e production --reason "the room is given up"',
        "echo 'decommission HOST of production: the room is given up' > statement   # the second administrator",
        "ssh-keygen -Y sign -f ~/.ssh/id_ed25519-cert.pub -n province-approval statement",
        'province op decommission HOST -e production --reason "the room is given up" --ticket OPS-131 \\',
        "  --approved-by NAME --approval statement.sig --go",
    )
    urgent: ClassVar[bool] = False
    at_most: ClassVar[int | None] = None

    @property
    def node(self) -> str:
        """The node that leaves."""
        return self.arguments["nodes"]

    @property
    def statement(self) -> str:
        """What the second administrator signs."""
        return f"decommission {self.node} of {self.arguments['environment']}: {self.arguments['reason']}\n"

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:  # noqa: ARG002 - one node is named
        """Every gateway that this environment runs.

        Raises ProvinceError for what is no node of it, and for the last one of a commune.
        """
        whole = _with(fleet, self.node)
        if self.node not in whole.hosts:
            guess = nearest(self.node, whole.hosts)
            raise ProvinceError(
                f"{self.node!r} is no host of environment {fleet.environment.id!r}",
                hint=f"did you mean {guess!r}?" if guess else "see province show",
                exit_code=ExitCode.NOTHING_SELECTED,
            )
        host = whole.hosts[self.node]
        self.refuse_other(host)
        if not [one for one in whole.hosts.values() if one.commune == host.commune and one.name != host.name]:
            raise ProvinceError(
                f"{host.name} is the last node of its commune", hint="the commune leaves the model, with its file"
            )
        return tuple(one for one in whole.hosts.values() if one.host_class == "gateway")

    def about(self, fleet: Fleet) -> tuple[str, ...]:
        """What becomes free, and what the second administrator has to sign."""
        addresses = _addresses(_with(fleet, self.node).hosts[self.node])
        told = (f"{len(addresses)} addresses become free: {' '.join(addresses)}",)
        if self.node in fleet.decommissioned or self.arguments["approval"]:
            return told
        wanted = self.statement.strip() if self.arguments["reason"] else "give --reason, it is part of the statement"
        return (*told, f"a second administrator signs (-n {NAMESPACE}): {wanted}")

    def prepare(self, scene: Scene) -> None:
        """See the approval, revoke the keys, then write that the host has left; what is written stays as it is."""
        fleet = scene.fleet
        path = fleet.root / fleet.environment.id / DECOMMISSIONED
        rows = read_rows(_ROWS, path, MEND)
        if any(row.id == self.node for row in rows):
            super().prepare(self._whole(scene))
            return
        self._refuse_unapproved(fleet)
        row = Decommissioned(
            id=self.node,
            since=datetime.now(UTC),
            who=operator(),
            approved_by=self.arguments["approved_by"],
            approval=self.arguments["approval"],
            reason=self.arguments["reason"],
            ticket=self.arguments["ticket"],
            addresses=_addresses(fleet.hosts[self.node]),
        )
        super().prepare(scene)
        heading = "Hosts that left for good; written by `province op decommission`, kept in Git."
        write_register({path: written_rows([*rows, row], heading)})

    def pre(self, scene: Scene, host: Host) -> str:
        """What the gateway still knows of the box."""
        return super().pre(self._whole(scene), host)

    def act(self, scene: Scene, host: Host) -> str:
        """Cut the tunnels at once, then make the gateway's state forget the node."""
        return super().act(self._whole(scene), host)

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """No device of the gateway and no file of it knows a key of the box."""
        return super().unhealthy(self._whole(scene), host)

    def afterwards(self, fleet: Fleet) -> Fleet:
        """The fleet without the node."""
        reason = self.arguments["reason"] or self.verb
        row = Decommissioned(
            id=self.node,
            since=datetime.now(UTC),
            who=operator(),
            approved_by="-",
            approval="-",
            reason=reason,
            addresses=_addresses(fleet.hosts[self.node]),
        )
        return replace(fleet, decommissioned=MappingProxyType({**fleet.decommissioned, self.node: row}))

    def parts(self, fleet: Fleet, host: Host) -> tuple[str, ...]:
        """Every capability of a gateway that reads of the node."""
        trust = load_trust(fleet)
        whole = Builder(fleet, trust).build(host)
        without = Builder(self.afterwards(fleet), trust).build(host)
        differing = {one.capability for path, one in whole.files.items() if without.files.get(path) != one}
        wanted = {*super().parts(fleet, host), *differing}
        return tuple(one for one in whole.capabilities if one in wanted)

    def _whole(self, scene: Scene) -> Scene:
        """The scene as if the node were still there: the tunnels that it had are to be found."""
        return replace(scene, fleet=_with(scene.fleet, self.node))

    def _refuse_unapproved(self, fleet: Fleet) -> None:
        """Raise ProvinceError unless another administrator has signed the statement, with a certificate that holds."""
        name = self.arguments["approved_by"]
        known = [one.name for one in fleet.environment.administrators]
        me = operator().partition("@")[0]
        if name not in known or name == me:
            others = ", ".join(one for one in known if one != me) or "nobody"
            raise ProvinceError(
                f"{name!r} cannot approve it" if name else "a second administrator has to approve it",
                hint=f"--approved-by: {others}; then --approval with the signature over: {self.statement.strip()}",
                exit_code=ExitCode.USAGE,
            )
        authority = Authority(load_trust(fleet).ssh_user_ca)
        signature, now = self.arguments["approval"], datetime.now(UTC)
        if problem := authority.problem(self.statement.encode(), signature, name, now, NAMESPACE):
            raise ProvinceError(
                f"the approval {problem}; nothing was changed", hint=f"signed is: {self.statement.strip()}"
            )


def _with(fleet: Fleet, name: str) -> Fleet:
    """The fleet in which a host has not left yet."""
    if name not in fleet.decommissioned:
        return fleet
    others = {one: row for one, row in fleet.decommissioned.items() if one != name}
    return replace(fleet, decommissioned=MappingProxyType(others))


def _addresses(host: Host) -> tuple[str, ...]:
    return tuple(text for one in host.interfaces for text in one.address.texts)
