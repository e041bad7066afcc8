"""The lab as a whole: bring it up and take it down."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import ca, cgroups, image, inside, mirror, mounts, network, processes, requirements, router, server
from province.lab import guest as guests
from province.lab.guest import Means
from province.lab.spec import GuestSpec, LabSpec, problems
from province.lab.state import Place, exclusive

BOOT_SECONDS = 180.0
ANSWER_SECONDS = 20.0
LINK_SECONDS = 30.0
PAUSE = 0.02
PER_CORE = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One part of the lab: what it is, which of its members were made or changed, how long it took."""

    what: str
    changed: tuple[str, ...]
    seconds: float


@dataclass
class Report:
    """What a run did, step by step; `say` hears of each step as it begins."""

    say: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was not already as it should be."""
        return any(step.changed for step in self.steps)

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Time one step; what it changes goes into the list."""
        begun = time.monotonic()
        changed: list[str] = []
        self.say(what)
        yield changed
        self.steps.append(Step(what, tuple(changed), time.monotonic() - begun))


def to_stderr(line: str) -> None:
    """Tell the watcher on standard error."""
    print(f"lab: {line}", file=sys.stderr, flush=True)


def up(checkout: Path, spec: LabSpec, *, say: Say = to_stderr) -> Report:
    """Bring the lab to its specification, whatever state it is in; what is there already is left alone.

    Raises ProvinceError if the specification or the machine makes it impossible, or if guests do not boot.
    """
    if found := problems(spec):
        raise ProvinceError("this lab cannot be built:\n  " + "\n  ".join(found), exit_code=ExitCode.BAD_DATA)
    requirements.check_rights()
    place = Place(checkout)
    report = Report(say)
    with exclusive(place, "up"):
        requirements.check(place, spec, set(guests.running(place)))
        requirements.check_kernel()
        with report.step("programs") as changed:
            changed.extend(requirements.install_programs())
        with report.step("kernel limits") as changed:
            changed.extend(requirements.raise_limits(place))
        means = _prepare(place, spec, report)
        with report.step("network") as changed:
            changed.extend(network.ensure(place.netns, spec))
        with report.step("file server") as changed:
            changed.extend([str(spec.station)] if server.ensure(place, spec) else [])
        with report.step("core router") as changed:
            changed.extend(router.ensure(place, spec.router))
        with report.step(f"{len(spec.guests)} guests") as changed:
            changed.extend(_ensure_guests(means, say))
    return report


def down(checkout: Path, *, say: Say = to_stderr) -> Report:
    """Take everything of the lab off this machine, whatever a killed run left; the cache stays."""
    requirements.check_rights()
    place = Place(checkout)
    report = Report(say)
    with exclusive(place, "down"):
        _refuse_from_inside(place)
        with report.step("guests") as changed:
            changed.extend(_remove_guests(place))
        with report.step("processes") as changed:
            left = [*server.running(place), *processes.in_network(network.file(place.netns))]
            processes.end(process.pid for process in left)
            changed.extend([Path(process.argv[0]).name for process in left])
        with report.step("network") as changed:
            changed.extend([place.netns] if network.exists(place.netns) else [])
            network.remove(place.netns)
        with report.step("kernel limits") as changed:
            changed.extend(requirements.restore_limits(place))
        with report.step("files") as changed:
            folders = [folder for folder in (place.root, place.runtime) if folder.exists()]
            changed.extend([str(folder) for folder in folders if set(folder.iterdir()) - {place.root / "changed-by"}])
            for folder in folders:
                shutil.rmtree(folder)
    return report


def _prepare(place: Place, spec: LabSpec, report: Report) -> Means:
    """Make or find what the guests are started with: images, identities, package source."""
    kinds = sorted({guest.image for guest in spec.guests})
    with report.step("base images") as changed:
        changed.extend(kind for kind in kinds if not image.cached(kind))
        with ThreadPoolExecutor() as pool:
            images = dict(zip(kinds, pool.map(image.ensure, kinds), strict=True))
    with report.step("identities") as changed:
        authority, made = ca.ensure(place, spec, time.time())
        changed.extend(made)
    with report.step("package source") as changed:
        changed.extend(["debian"] if mirror.ensure(place, spec.mirror, images) else [])
    return Means(place, spec, images, authority, mirror.keyring(place))


def _ensure_guests(means: Means, say: Say) -> list[str]:
    """Start the guests that are off, plug in those that are not, remove those that are no longer wanted."""
    place, spec = means.place, means.spec
    present = guests.running(place)
    names = {guest.name for guest in spec.guests}
    obsolete = sorted((set(present) | guests.with_disk(place)) - names)
    for name in obsolete:
        guests.destroy(place, name)
    outdated = [g for g in spec.guests if g.name in present and not guests.is_current(means, g)]
    for guest in outdated:
        guests.stop(place, guest.name)
    on = [guest for guest in spec.guests if guest.name in present and guest not in outdated]
    off = [guest for guest in spec.guests if guest not in on]
    links = network.links_of(place.netns)
    loose = [guest for guest in on if not network.is_attached(guest, links)]
    network.attach(place.netns, loose, links)
    workers = PER_CORE * (os.cpu_count() or 1)
    silent = inside.each(place.netns, partial(_boot, means, links, say), off, workers=workers)
    silent += inside.each(place.netns, partial(_answer, means), on, workers=workers)
    if failures := [text for text in silent if text]:
        raise ProvinceError(
            f"{len(failures)} of {len(spec.guests)} guests do not answer:\n" + "\n".join(failures),
            hint="what a guest printed: .province/lab/guests/NAME/console.log; `up` again starts the rest",
            exit_code=ExitCode.UNREACHABLE,
        )
    return obsolete + [guest.name for guest in (*off, *loose)]


def _boot(means: Means, links: network.Links, say: Say, guest: GuestSpec) -> str:
    """Start one guest and wait until its SSH daemon answers; the text says what went wrong, empty if nothing.

    links: what was in the lab's network before. Runs in a thread that stands in that network.
    """
    place = means.place
    begun = time.monotonic()
    supervisor = guests.start(means, guest)
    alive = partial(Path(f"/proc/{supervisor}").exists)
    init = _container_made(guest, supervisor, alive)
    if init is None:
        return f"{guest.name}: its container did not start\n{guests.console(place, guest.name)}"
    network.set_hardware_addresses(init, guest)
    network.attach(place.netns, [guest], links)
    if not inside.wait_for(partial(inside.ssh_answers, guest.address, means.spec.station), BOOT_SECONDS, alive):
        return f"{guest.name}: no SSH daemon at {guest.address}\n{guests.console(place, guest.name)}"
    say(f"{guest.name} answers after {time.monotonic() - begun:.1f} s")
    return ""


def _container_made(guest: GuestSpec, supervisor: int, alive: Callable[[], bool]) -> int | None:
    """Wait until a container has its PID 1 and all its links; return that process, None if it never does."""
    wanted = set(network.links(guest).values())
    deadline = time.monotonic() + LINK_SECONDS
    while alive() and time.monotonic() < deadline:
        init = processes.container_init(supervisor)
        if init is not None and wanted <= {name for _, name in socket.if_nameindex()}:
            return init
        time.sleep(PAUSE)
    return None


def _answer(means: Means, guest: GuestSpec) -> str:
    """Wait for the SSH daemon of a guest that was on already; the text says what is wrong."""
    if inside.wait_for(partial(inside.ssh_answers, guest.address, means.spec.station), ANSWER_SECONDS, lambda: True):
        return ""
    return f"{guest.name}: is on, but no SSH daemon at {guest.address}\n{guests.console(means.place, guest.name)}"


def _remove_guests(place: Place) -> list[str]:
    """Cut the power of all guests at once and take back what they held."""
    prefix = place.machine("")
    left = {name.removeprefix(prefix) for name in cgroups.leftovers(prefix)}
    names = set(guests.running(place)) | guests.with_disk(place) | left
    guests.cut_power(place, names)
    mounts.unmount_below(place.root)
    for name in names:
        cgroups.remove(place.machine(name))
    return sorted(names)


def _refuse_from_inside(place: Place) -> None:
    """Raise ProvinceError when this very process stands in the lab that it is to take down."""
    if any(process.pid == os.getpid() for process in processes.in_network(network.file(place.netns))):
        raise ProvinceError(
            "this shell is inside the lab, which would take its own ground away",
            hint="leave it (exit), then run `down` outside",
            exit_code=ExitCode.USAGE,
        )
