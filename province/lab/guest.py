"""Start and stop guests: systemd-nspawn containers on a shared read-only image with an overlay each."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from province.errors import ProvinceError
from province.lab import bootstrap, cgroups, kernel, mounts, network, processes
from province.lab.ca import HOST_KEY, Authority
from province.lab.commands import enter, run
from province.lab.spec import GuestSpec, Image, LabSpec
from province.lab.state import Place

BEGIN = """\
set -e
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift
setsid "$@" > "$LOG" 2>&1 < /dev/null &
echo $!
"""
"""Shell: join each control group named before `--`, then start the program after it and say its number."""

PLAIN = ("containerd", "kubelet", "etcd")
"""Folders of /var/lib that a Kubernetes node needs on a plain file system: overlays do not stack."""

KUBERNETES = (
    "--capability=CAP_SYSLOG",
    "--system-call-filter=@keyring bpf perf_event_open",
    "--bind=/dev/kmsg",
)
"""What runc and kubelet need beyond a container's usual rights."""

TUN = "--bind=/dev/net/tun"
"""Tunnels whose ends are programs need the device by which the kernel hands them packets."""


@dataclass(frozen=True)
class Means:
    """What every guest of a lab is started with."""

    place: Place
    spec: LabSpec
    images: dict[Image, Path]
    authority: Authority
    keyring: Path | None


@dataclass(frozen=True)
class Disk:
    """A guest's folder: the overlay's layers, the merged tree, plain folders, the console's log."""

    folder: Path

    @property
    def root(self) -> Path:
        """The guest's root directory while it is mounted."""
        return self.folder / "root"

    @property
    def log(self) -> Path:
        """What the container printed."""
        return self.folder / "console.log"

    @property
    def made_from(self) -> Path:
        """Names the image under the overlay; exists once the first files are complete."""
        return self.folder / "made-from"

    @property
    def stick(self) -> Path:
        """The seed with which a bare box was made the guest; exists for those alone, and they keep their own keys."""
        return self.folder / "stick"

    @property
    def started_as(self) -> Path:
        """Fingerprint of what the running container was started with."""
        return self.folder / "started-as"


def disk(place: Place, guest: str) -> Disk:
    """Return where a guest's disk lies."""
    return Disk(place.guests / guest)


def running(place: Place) -> dict[str, processes.Process]:
    """Return the supervisors of all containers of this lab, by guest name."""
    prefix = place.machine("")
    found = {}
    for process in processes.find(lambda argv: Path(argv[0]).name == "systemd-nspawn"):
        machine = processes.option(process.argv, "--machine") or ""
        if machine.startswith(prefix):
            found[machine.removeprefix(prefix)] = process
    return found


def with_disk(place: Place) -> set[str]:
    """Return the names of all guests that have a folder, whether they run or not."""
    return {folder.name for folder in place.guests.iterdir()} if place.guests.exists() else set()


def fingerprint(means: Means, guest: GuestSpec) -> str:
    """Return a digest of all that only a new start can change: wiring, image, host certificate."""
    certificate = (means.authority.host(guest.name) / f"{HOST_KEY}-cert.pub").read_text()
    return hashlib.sha256(f"{guest!r}\n{means.images[guest.image]}\n{certificate}".encode()).hexdigest()


def is_current(means: Means, guest: GuestSpec) -> bool:
    """Whether a running guest was started as its specification now says."""
    note = disk(means.place, guest.name).started_as
    return note.exists() and note.read_text() == fingerprint(means, guest)


def start(means: Means, guest: GuestSpec) -> int:
    """Mount a guest's disk and start its container; return its supervisor's number, before it has booted."""
    place = means.place
    if cgroups.members(place.machine(guest.name)):
        stop(place, guest.name)
    network.unplug(place.netns, guest)
    own = disk(place, guest.name)
    image = means.images[guest.image]
    _mount(own, image)
    if own.stick.is_dir():
        if not own.made_from.exists():
            bootstrap.plug_in(own.root, own.stick)
    else:
        if not own.made_from.exists():
            bootstrap.install(own.root, guest, means.spec)
        bootstrap.install_identity(own.root, guest.name, means.authority, means.keyring)
    own.made_from.write_text(str(image))
    trees = () if cgroups.run_by_systemd() else cgroups.hierarchies().of(guest.image)
    groups = cgroups.create(place.machine(guest.name), trees)
    words = [*groups, "--", *enter(place.netns), *container(place, guest)]
    supervisor = run(["sh", "-c", BEGIN, "sh", *words], env={"LOG": str(own.log)})
    own.started_as.write_text(fingerprint(means, guest))
    return int(supervisor)


def container(place: Place, guest: GuestSpec) -> list[str]:
    """Return the command that becomes the container's supervisor (systemd-nspawn(1))."""
    own = disk(place, guest.name)
    links = network.links(guest)
    options = [
        *("--quiet", "--settings=no", "--register=no", "--boot", f"--directory={own.root}"),
        *("--machine", place.machine(guest.name), f"--hostname={guest.name}"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", TUN),
        *(f"--network-veth-extra={links[nic.device]}:{nic.device}" for nic in guest.nics),
    ]
    if not cgroups.run_by_systemd():
        options.append("--keep-unit")
    if guest.image == "kubernetes":
        options += [*KUBERNETES, *(f"--bind={own.folder / name}:/var/lib/{name}" for name in PLAIN)]
    return ["systemd-nspawn", *options]


def cut_power(place: Place, names: Iterable[str]) -> None:
    """Cut guests' power: everything in them ends at once, their disks stay.

    A supervisor's death alone would leave the container alive, and so would a supervisor that somebody else
    killed: so it is the processes in the container that are killed, found by descent and by control group. A few
    guests at a time, with the kernel given time between them (see `kernel`).
    """
    supervisors = running(place)
    waiting = list(names)
    while waiting:
        batch, waiting = waiting[: kernel.GUESTS_AT_ONCE], waiting[kernel.GUESTS_AT_ONCE :]
        doomed: set[int] = set()
        for name in batch:
            doomed |= cgroups.members(place.machine(name))
            if name in supervisors:
                doomed |= {supervisors[name].pid, *processes.descendants(supervisors[name].pid)}
        processes.end(doomed)
        kernel.settle()


def stop(place: Place, name: str) -> None:
    """Cut a guest's power and take back what it held of the machine: mounts and control groups."""
    cut_power(place, [name])
    mounts.unmount_below(disk(place, name).folder)
    cgroups.remove(place.machine(name))


def destroy(place: Place, name: str) -> None:
    """Stop a guest and throw its disk away."""
    stop(place, name)
    folder = disk(place, name).folder
    if folder.exists():
        shutil.rmtree(folder)


def console(place: Place, name: str) -> str:
    """Return the end of what a guest's container printed."""
    log = disk(place, name).log
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""


def _mount(own: Disk, image: Path) -> None:
    """Mount the overlay; a disk that was made from another image is made anew, its layers no longer fit."""
    if own.made_from.exists() and own.made_from.read_text() != str(image):
        mounts.unmount_below(own.folder)
        shutil.rmtree(own.folder)
    for name in ("upper", "work", "root", *PLAIN):
        (own.folder / name).mkdir(parents=True, exist_ok=True)
    if own.root in mounts.below(own.folder):
        return
    if not image.is_dir():
        raise ProvinceError(f"{image}: the base image is gone", hint="run `up` again, it is built anew")
    layers = f"lowerdir={image},upperdir={own.folder / 'upper'},workdir={own.folder / 'work'}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, own.root])
