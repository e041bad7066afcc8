"""Shut a stolen or lost box out: no gateway knows its keys any more, and no register takes them again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.build import Builder
from province.manifest.enrolled import CERTIFICATES, KEYS, REQUESTS, SSH_CERTIFICATE, SSH_REQUEST, keys_text
from province.manifest.revoked import REVOKED, Revoked, load_revoked, revoked_text
from province.manifest.trust import load_trust, register_of, trust_folder
from province.ops import node_talk
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble, must
from province.ops.enrol import write_register
from province.ops.node_wire import NodeTrouble
from province.pki.certificate import read
from province.whoami import operator

TUNNEL = "tunnel"
CONFIRM_SECONDS = 120


class RevokeNode(Action):
    """Shut a stolen or lost node out of every gateway at once, and let its keys never be enrolled again.

    When: a commune reports its box missing, a seal is broken, or it answers from the wrong place. Do it first and ask
    afterwards: a wrong call costs one body of one commune its line until its box has new keys.

    Blast radius: one node, at most two in a call; its body of the commune is off until the swap, the other body works
    on. Every gateway is asked at the same time. Tunnels end within seconds; the gateways then get the state that says
    so, and go back by themselves to it after a restart.

    What it does not reach: the box keeps its certificate until that ends, and no service asks for a list of revoked
    ones; without a tunnel it reaches none of them. Passwords and tokens that people typed on it are theirs to change.

    Way back: none for these keys. A new or wiped box makes new ones: `province op replace-node` makes the stick for it.
    Commit `inventories/<environment>/trust` afterwards.
    """

    verb: ClassVar[str] = "revoke-node"
    commands: ClassVar[tuple[str, ...]] = (
        "province op revoke-node HOST -e production",
        'province op revoke-node HOST -e production --reason "box stolen" --ticket INC-7 --go',
    )
    urgent: ClassVar[bool] = True
    at_once: ClassVar[bool] = True
    at_most: ClassVar[int | None] = 2

    @property
    def nodes(self) -> list[str]:
        """The boxes."""
        return self.arguments["nodes"].split()

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:
        """Every gateway that this environment runs.

        Raises ProvinceError for what is no node, or was never enrolled.
        """
        for host in targets:
            self.refuse_other(host)
            if not self._keys(fleet, host.name):
                raise ProvinceError(f"{host.name} has no keys in the register: nobody lets it in anyway")
        return tuple(host for host in fleet.hosts.values() if host.host_class == "gateway")

    def refuse_other(self, host: Host) -> None:
        """Raise ProvinceError for what is no node."""
        if host.host_class != "edge":
            raise ProvinceError(
                f"{host.name} is a {host.host_class}: only the nodes of communes are revoked this way",
                exit_code=ExitCode.USAGE,
            )

    def prepare(self, scene: Scene) -> None:
        """Move the boxes' keys from the register of enrolled hosts to that of revoked ones."""
        fleet = scene.fleet
        folder = trust_folder(fleet)
        enrolled = register_of(fleet).enrolled
        rows = list(load_revoked(folder))
        for name in self.nodes:
            if (keys := enrolled.keys.get(name, {})) or name in enrolled.certificates:
                pem = enrolled.certificates.get(name)
                rows.append(
                    Revoked(
                        host=name,
                        since=datetime.now(UTC),
                        who=operator(),
                        reason=self.arguments["reason"],
                        keys=dict(keys),
                        certificate=read(pem).public_key.hex() if pem else "",
                    )
                )
        left = {name: keys for name, keys in enrolled.keys.items() if name not in self.nodes}
        # Revoked first: a controller that dies in between leaves keys in both, and no enrolment takes those.
        write_register({folder / REVOKED: revoked_text(rows), folder / KEYS: keys_text(left)})
        for name in self.nodes:
            (folder / CERTIFICATES / f"{name}.pem").unlink(missing_ok=True)
            (folder / CERTIFICATES / f"{name}{SSH_CERTIFICATE}").unlink(missing_ok=True)
            for ending in (".csr", SSH_REQUEST):
                (folder / REQUESTS / f"{name}{ending}").unlink(missing_ok=True)

    def pre(self, scene: Scene, host: Host) -> str:
        """What the gateway still knows of the boxes."""
        open_ = sorted({f"{name} over {device}" for name, device, _ in self._known(scene, host)})
        return f"cut {', '.join(open_)}" if open_ else ""

    def act(self, scene: Scene, host: Host) -> str:
        """Cut the tunnels at once, then make the gateway's state say so."""
        cut = self._cut(scene, host)
        fleet = scene.fleet
        parts = self.parts(fleet, host)
        manifest = Builder(self.afterwards(fleet), load_trust(fleet)).build(host, only=parts)
        reason = f"{self.verb} {' '.join(self.nodes)}: {self.arguments['reason']}"
        wish = node_talk.Wish(manifest.digest, manifest.desired, parts, reason=reason, confirm_seconds=CONFIRM_SECONDS)
        try:
            node_talk.apply(scene.contact(fleet, host.name), wish)
        except NodeTrouble as trouble:
            self._cut(scene, host)  # what was put back would let the box in again
            raise ActionTrouble(
                f"the tunnels are cut, but a restart of the gateway opens them again: its state could not be changed: "
                f"{trouble}"
            ) from None
        return f"{cut} tunnels cut, and the gateway's state says so"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """No device of the gateway and no file of it knows a key of the boxes."""
        known = self._known(scene, host)
        return "; ".join(sorted({f"{device} still knows {name}" for name, device, _ in known}))

    def afterwards(self, fleet: Fleet) -> Fleet:
        """The fleet as the gateways are told of it: the same, because the node stays where it is."""
        return fleet

    def parts(self, fleet: Fleet, host: Host) -> tuple[str, ...]:  # noqa: ARG002 - others ask it
        """The capabilities of a gateway that are applied."""
        return (TUNNEL,)

    def _cut(self, scene: Scene, host: Host) -> int:
        """Take the boxes' keys from the running devices; how many there were."""
        known = self._known(scene, host, files=False)
        for _, device, key in known:
            must(scene.remote, host.name, ["wg", "set", device, "peer", key, "remove"])
        return len(known)

    def _known(self, scene: Scene, host: Host, *, files: bool = True) -> list[tuple[str, str, str]]:
        """Box, device and key of whatever the gateway would still let in."""
        devices = sorted({one.gateway_device for one in scene.fleet.tunnels_of(host.name) if one.node in self.nodes})
        return [one for device in devices for one in self._at(scene, host, device, files=files)]

    def _at(self, scene: Scene, host: Host, device: str, *, files: bool) -> Iterator[tuple[str, str, str]]:
        told = must(scene.remote, host.name, ["wg", "show", device, "peers"])
        if files:
            told += must(scene.remote, host.name, ["cat", f"/etc/wireguard/{device}.conf"])
        for name in self.nodes:
            for key in sorted(self._keys(scene.fleet, name)):
                if key in told:
                    yield name, device, key

    def _keys(self, fleet: Fleet, node: str) -> set[str]:
        """Every public key that a box ever had here, revoked or not."""
        rows = [row for row in load_revoked(trust_folder(fleet)) if row.host == node]
        before = {key for row in rows for key in row.keys.values()}
        return before | set(register_of(fleet).enrolled.keys.get(node, {}).values())
