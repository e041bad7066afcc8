"""Control groups of guests: each guest has its own, so that no two init systems share one tree.

Three kinds of machine: version 1 controllers (alone or beside version 2), version 2 alone, and a machine
whose PID 1 is systemd, which then hands out the group itself (systemd-nspawn(1), --keep-unit).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from province.lab.spec import Image

MOUNTS = Path("/proc/self/mounts")
SYSTEMD = Path("/run/systemd/system")
FIRST = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True)
class Hierarchies:
    """Where this machine's control group trees are mounted."""

    controllers: tuple[Path, ...]
    named: tuple[Path, ...]
    unified: tuple[Path, ...]

    def of(self, image: Image) -> tuple[Path, ...]:
        """Return the trees in which a guest needs a group of its own.

        A kubelet makes groups below every controller; two of them in one group would fight over the names.
        """
        trees = self.named + self.unified
        return trees + self.controllers if image == "kubernetes" else trees


def hierarchies(mounts: Path = MOUNTS) -> Hierarchies:
    """Read the machine's control group trees from its mount table (cgroups(7))."""
    controllers, named, unified = [], [], []
    for line in mounts.read_text().splitlines():
        _, point, kind, options, *_ = line.split()
        if kind == "cgroup2":
            unified.append(Path(point))
        elif kind == "cgroup" and any(option.startswith("name=") for option in options.split(",")):
            named.append(Path(point))
        elif kind == "cgroup":
            controllers.append(Path(point))
    return Hierarchies(tuple(controllers), tuple(named), tuple(unified))


def run_by_systemd() -> bool:
    """Whether this machine's PID 1 is systemd (sd_booted(3)), which allots a container's group itself."""
    return SYSTEMD.is_dir()


def create(machine: str, trees: tuple[Path, ...]) -> list[Path]:
    """Make a guest's group anew in every tree and return them; nothing may run in groups of its life before.

    What a power cut left of those would be there after no real one, and a kubelet looks minutes for the containers.
    """
    remove(machine)
    groups = [tree / machine for tree in trees]
    for group in groups:
        group.mkdir(exist_ok=True)
        for name in FIRST:
            file = group / name
            if file.exists() and not file.read_text().strip():
                file.write_text((group.parent / name).read_text())
        clone = group / "cgroup.clone_children"
        if (group / FIRST[0]).exists() and clone.exists():
            clone.write_text("1")
    return groups


def remove(machine: str) -> None:
    """Remove a guest's empty groups with all groups below them."""
    trees = hierarchies()
    for tree in trees.controllers + trees.named + trees.unified:
        for group in _deepest_first(tree / machine):
            group.rmdir()


def members(machine: str) -> set[int]:
    """Return the processes in a guest's groups, on any level; 0 stands for one that is not visible here."""
    trees = hierarchies()
    groups = [group for tree in trees.named + trees.unified for group in _deepest_first(tree / machine)]
    return {int(pid) for group in groups for pid in (group / "cgroup.procs").read_text().split()} - {0}


def leftovers(prefix: str) -> set[str]:
    """Return the names of all groups at the top of any tree that begin with `prefix`."""
    trees = hierarchies()
    places = trees.controllers + trees.named + trees.unified
    return {group.name for tree in places for group in tree.glob(f"{prefix}*") if group.is_dir()}


def _deepest_first(group: Path) -> list[Path]:
    """List a group and the groups in it so that each comes after its children."""
    if not group.is_dir():
        return []
    below = [path for path in group.rglob("*") if path.is_dir()]
    return [*sorted(below, key=lambda path: len(path.parts), reverse=True), group]
