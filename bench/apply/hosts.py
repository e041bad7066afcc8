"""The hosts of the benchmark: the edge nodes of as many communes as are asked for, in the lab of this checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass

from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import COMMUNES_VARIABLE, load_fleet
from province.lab import guest, provision
from province.lab.commands import run
from province.lab.spec import GuestSpec
from province.lab.state import Place, exclusive


@dataclass(frozen=True)
class Lab:
    """A lab with its edge nodes; what else it holds stays as it boots."""

    fleet: Fleet
    nodes: tuple[Host, ...]

    @property
    def place(self) -> Place:
        """Where it lies."""
        return Place(self.fleet.root.parent)

    @property
    def guests(self) -> list[GuestSpec]:
        """The nodes as the engine knows them."""
        names = {node.name for node in self.nodes}
        return [one for one in provision.specification(self.fleet).guests if one.name in names]

    def renew(self) -> None:
        """Give every node a disk as new: off, emptied, on again; keys and addresses stay."""
        with exclusive(self.place, "bench"):
            for node in self.nodes:
                guest.destroy(self.place, node.name)
        self.boot()

    def boot(self) -> None:
        """Start what is off, and wait until every node has nothing left to start: that is nobody's time."""
        provision.up(self.fleet)
        for node in self.nodes:
            self.on(node.name, "systemctl is-system-running --wait || true")

    def on(self, name: str, command: str) -> str:
        """Run a shell command on a host over a connection of its own, and return what it printed."""
        config = self.fleet.root / self.fleet.environment.id / "ssh_config"
        return run(["ssh", "-F", config, "-o", "ControlPath=none", name, command], netns=self.place.netns)

    def end(self) -> None:
        """Stop the lab and remove everything of it."""
        provision.down(self.fleet)


def plan(nodes: int) -> Lab:
    """The lab that has `nodes` edge nodes, two for each commune; nothing is started.

    Raises ProvinceError for a number that cannot be had, or when this checkout has a lab already: its hosts
    would be lost.
    """
    if nodes < 2 or nodes % 2:
        raise ProvinceError(
            f"{nodes} nodes are not possible",
            hint="every commune has two: give an even number",
            exit_code=ExitCode.USAGE,
        )
    os.environ[COMMUNES_VARIABLE] = str(nodes // 2)
    fleet = load_fleet(provision.LAB)
    if guest.running(Place(fleet.root.parent)):
        raise ProvinceError(
            "this checkout has a lab that is up, and the benchmark makes hosts anew",
            hint="end it first: province lab down",
            exit_code=ExitCode.USAGE,
        )
    return Lab(fleet, tuple(host for host in fleet.hosts.values() if host.host_class == "edge"))
