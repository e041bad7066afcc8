"""What an operator does with a lab that is up: look at it, work in it, break it and mend it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import guest as guests
from province.lab import inside, network
from province.lab.commands import enter
from province.lab.spec import GuestSpec, LabSpec
from province.lab.state import Place, exclusive

WORKERS = 16


@dataclass(frozen=True)
class GuestStatus:
    """How one guest is: whether its container runs, its SSH daemon answers, and which devices are cut off."""

    name: str
    running: bool
    reachable: bool
    cut: tuple[str, ...]


def status(checkout: Path, spec: LabSpec) -> list[GuestStatus]:
    """Look at every guest of the specification; all are off when there is no lab."""
    place = Place(checkout)
    if not network.exists(place.netns):
        return [GuestStatus(guest.name, running=False, reachable=False, cut=()) for guest in spec.guests]
    look = partial(_look, set(guests.running(place)), network.links_of(place.netns), spec.station)
    return inside.each(place.netns, look, spec.guests, workers=WORKERS)


def command(checkout: Path, argv: Sequence[str]) -> list[str]:
    """Return the words that run a command inside the lab's network; its files and rights are the caller's.

    Raises ProvinceError if the lab is not up.
    """
    place = Place(checkout)
    if not network.exists(place.netns):
        raise ProvinceError("the lab is not up", hint="bring it up: province lab up", exit_code=ExitCode.UNREACHABLE)
    return [*enter(place.netns), *argv]


def call(checkout: Path, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> int:
    """Run a command inside the lab with the caller's terminal and exactly this environment; its exit code."""
    return subprocess.run(command(checkout, argv), env=dict(env), cwd=cwd, check=False).returncode


def shell(checkout: Path, env: Mapping[str, str]) -> int:
    """Open the user's shell inside the lab; return its exit code when it is left."""
    return call(checkout, [os.environ.get("SHELL", "/bin/sh"), "-i"], env)


def ssh_config(checkout: Path) -> Path:
    """Return the SSH client's configuration that knows every guest by its name."""
    return Place(checkout).ssh / "config"


def find(spec: LabSpec, name: str) -> GuestSpec:
    """Return the guest of that name, or raise an error that lists the guests."""
    by_name = {guest.name: guest for guest in spec.guests}
    if name not in by_name:
        raise ProvinceError(
            f"no guest {name} in the lab", hint=f"there are: {', '.join(by_name)}", exit_code=ExitCode.USAGE
        )
    return by_name[name]


def power_off(checkout: Path, spec: LabSpec, name: str) -> bool:
    """Cut a guest's power; its disk stays and `up` starts it again. False if it was off already."""
    place = Place(checkout)
    find(spec, name)
    with exclusive(place, f"power off {name}"):
        on = name in guests.running(place)
        guests.stop(place, name)
        return on


def swap(checkout: Path, spec: LabSpec, name: str, seed: Path) -> None:
    """Put a bare box with the stick of a seed in a guest's place; `up` switches it on. The old disk is gone."""
    place = Place(checkout)
    find(spec, name)
    with exclusive(place, f"swap {name}"):
        guests.destroy(place, name)
        shutil.copytree(seed, guests.disk(place, name).stick)


def cut(checkout: Path, spec: LabSpec, name: str, device: str) -> None:
    """Cut one line of a guest; `restore` or `up` mends it."""
    network.cut(Place(checkout).netns, find(spec, name), device)


def restore(checkout: Path, spec: LabSpec, name: str, device: str) -> None:
    """Mend one line of a guest."""
    network.restore(Place(checkout).netns, find(spec, name), device)


def _look(running: set[str], links: network.Links, station: IPv4Address, guest: GuestSpec) -> GuestStatus:
    """Look at one guest, from a thread that stands in the lab's network."""
    on = guest.name in running
    names = network.links(guest)
    severed = tuple(d for d, name in names.items() if on and not network.is_up(links.get(name, {})))
    return GuestStatus(guest.name, on, on and inside.ssh_answers(guest.address, station), severed)
