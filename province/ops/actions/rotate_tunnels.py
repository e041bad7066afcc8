"""New keys for every tunnel over one path; the other paths carry the traffic meanwhile (the playbook does it)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import ClassVar

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.ops import hosts as playbooks
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble, must
from province.ops.workplace import Workplace

PLAYBOOK = "rotate_tunnel_keys"


class RotateTunnels(Action):
    """Give every tunnel over one path new WireGuard keys, at nodes and gateways together.

    When: once a year, path by path, or when somebody may have read a key. A host that has no other path is refused by
    name, and so is one that is out of reach: both ends of a tunnel get new keys together.

    Blast radius: one path of the whole province. Before anything is taken away both ends prefer the other paths, so
    nothing under way is lost; what is left of the path's capacity is none until it is open again, a few minutes. Killed
    at any point, every node goes back to its own routes by itself, and `province apply --resume` goes on: a key that is
    older than the run is made anew, by what hosts say.

    Way back: none is needed; keys that were replaced do not come back. A path that a killed run left closed is opened
    by the next one. Commit `inventories/<environment>/trust` afterwards.
    """

    verb: ClassVar[str] = "rotate-tunnel-keys"
    commands: ClassVar[tuple[str, ...]] = (
        "province op rotate-tunnel-keys --path internet -e production",
        'province op rotate-tunnel-keys --path internet -e production --reason "yearly" --ticket OPS-120 --go',
    )
    at_once: ClassVar[bool] = True

    def __init__(self, arguments: Mapping[str, str]) -> None:
        super().__init__(arguments)
        self._lock = Lock()
        self._done = False

    @property
    def path(self) -> str:
        """The path whose tunnels get new keys."""
        return self.arguments["path"]

    @property
    def since(self) -> float:
        """When the run was asked for, in seconds since 1970: older keys are replaced."""
        return datetime.fromisoformat(self.arguments["since"]).timestamp()

    def places(self, fleet: Fleet, targets: Sequence[Host]) -> tuple[Host, ...]:
        """Every host with a tunnel over the path; ProvinceError for an unknown one, or when it is a host's only one."""
        over: dict[str, set[str]] = {}
        for tunnel in fleet.tunnels:
            for end in (tunnel.node, tunnel.gateway):
                over.setdefault(end, set()).add(tunnel.path.id)
        known = sorted(set().union(*over.values()))
        if self.path not in known:
            raise ProvinceError(
                f"no tunnel runs over {self.path!r}", hint=f"paths: {', '.join(known)}", exit_code=ExitCode.USAGE
            )
        if alone := sorted(name for name, paths in over.items() if paths == {self.path}):
            raise ProvinceError(
                f"{' '.join(alone)}: no path beside {self.path}, so the tunnels would be down",
                exit_code=ExitCode.FAILED,
            )
        return tuple(host for host in targets if self.path in over.get(host.name, ()))

    def pre(self, scene: Scene, host: Host) -> str:
        """Devices whose keys are older than the run."""
        try:
            old = [device for device, made in self._keys(scene, host) if made < self.since]
        except ConnectionError as error:
            raise ActionTrouble(f"is out of reach, and both ends need new keys together: {error}") from None
        return f"make new keys for the tunnels over {self.path}" if old else ""

    def act(self, scene: Scene, host: Host) -> str:  # noqa: ARG002 - all hosts at once, by the first of them
        """Run the playbook, once for all: its steps go from host to host together."""
        with self._lock:
            if not self._done:
                try:
                    playbooks.configure(Workplace.of(scene.fleet), playbook=PLAYBOOK, variables=(f"path={self.path}",))
                except ActionTrouble:
                    raise
                except ProvinceError as error:
                    raise ActionTrouble(str(error)) from None
                self._done = True
        return f"new keys over {self.path}"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """Every key is new, and every tunnel of a node has spoken with its other end since."""
        found = [f"{device} has its old key" for device, made in self._keys(scene, host) if made < self.since]
        if found or host.host_class != "edge":
            return "; ".join(found)
        for device in self._devices(scene.fleet, host):
            told = must(scene.remote, host.name, ["wg", "show", device, "latest-handshakes"]).split()
            if not told or any(float(moment) < self.since for moment in told[1::2]):
                found.append(f"{device} has not spoken with its other end since")
        return "; ".join(found)

    def _keys(self, scene: Scene, host: Host) -> Iterator[tuple[str, float]]:
        """Each device and when its key was made; a key that is not there is as old as can be."""
        for device in self._devices(scene.fleet, host):
            done = scene.remote.run(host.name, ["stat", "--format=%Y", f"/etc/wireguard/{device}.key"])
            yield device, float(done.printed) if done.code == 0 else 0.0

    def _devices(self, fleet: Fleet, host: Host) -> list[str]:
        ends = [one for one in fleet.tunnels_of(host.name) if one.path.id == self.path]
        return sorted({one.node_device if host.name == one.node else one.gateway_device for one in ends})


def asked_at() -> str:
    """The moment of asking as an argument."""
    return datetime.fromtimestamp(int(time.time())).astimezone().isoformat()
