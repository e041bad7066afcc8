"""Base images: what a host's disk holds before any configuration has run; one read-only tree for all."""

from __future__ import annotations

from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab import requirements
from province.lab.commands import run
from province.lab.sources import KEYRING, SUITE, VARIABLE, debian_mirror
from province.lab.spec import Image
from province.toolchain import cache

COMMON = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "python3-apt",
    "iproute2",
    "nftables",
    "ca-certificates",
    "sudo",
)
"""What a host needs to be reached and configured; everything else comes by configuration."""

KUBERNETES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "iptables",
    "ethtool",
    "socat",
    "catatonit",
    "kmod",
    "procps",
    "curl",
)
"""What a Kubernetes node needs beside its own programs."""

PACKAGES: dict[Image, tuple[str, ...]] = {"host": COMMON, "kubernetes": (*COMMON, *KUBERNETES)}

MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "container-getty@.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty@.service",
    "systemd-logind.service",
)
"""Units that cost memory or wake up in every guest and serve nobody in a container without a console."""

FIT_UNIT = "province-lab-kubelet.service"
FIT_SCRIPT = "/usr/local/sbin/province-lab-kubelet"
TUNABLES = {"vm/overcommit_memory": 1, "kernel/panic": 10, "kernel/panic_on_oops": 1}
"""Kernel settings a kubelet insists on; they belong to the whole machine, so a guest sees a file instead."""

FIT_UNIT_TEXT = f"""\
[Unit]
Description=Let a kubelet work in this container
DefaultDependencies=no
Before=sysinit.target containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={FIT_SCRIPT}

[Install]
WantedBy=sysinit.target
"""

FIT_SCRIPT_TEXT = """\
#!/bin/sh
# Made by the lab. Containers get the version 1 control groups read-only, and a kubelet writes them.
set -eu
while read -r _ point type _; do
    if [ "$type" = cgroup ]; then mount -o remount,bind,rw "$point"; fi
done < /proc/self/mounts
# A kubelet sets these, or refuses to start; they are the whole machine's, so a file stands in for each.
mkdir -p /run/province-lab-kubelet
fake() {
    stand_in="/run/province-lab-kubelet/$(basename "$1")"
    echo "$2" > "$stand_in"
    mount --bind "$stand_in" "/proc/sys/$1"
}
"""


CLOCK = "etc/systemd/system/chrony.service.d/province-lab.conf"
CLOCK_TEXT = """\
# Made by the lab: a container shares the machine's clock and may not set it, so the daemon only measures.
[Unit]
ConditionCapability=
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd $DAEMON_OPTS -x
"""


def ensure(image: Image) -> Path:
    """Return the root directory of an image, building it first if the cache has none (about 1–3 minutes)."""
    return cache.entry(f"image-{image}", key(image), lambda target: _build(image, target)) / "root"


def cached(image: Image) -> bool:
    """Whether the cache has the image already."""
    return cache.find(f"image-{image}", key(image)) is not None


def key(image: Image) -> str:
    """Return the cache key: any change of packages or of this recipe makes another image."""
    return cache.key_of(SUITE, image, *PACKAGES[image], Path(__file__).read_text(encoding="utf-8"))


def _build(image: Image, target: Path) -> None:
    """Install Debian into `target`/root.

    debootstrap mounts /proc and /sys in the new tree. It runs in namespaces of its own that die with this
    process, so a killed build leaves neither mounts nor processes.
    """
    requirements.check_rights()
    requirements.install_programs()
    root = target / "root"
    mirror = debian_mirror()
    try:
        run(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES[image])}"),
                *(f"--keyring={KEYRING}", SUITE, root, mirror),
            ]
        )
    except ProvinceError as error:
        raise ProvinceError(
            f"the base image {image} could not be built from {mirror}: {error.message}",
            hint=f"{error.hint}\n  {VARIABLE} names another archive; it must have {SUITE}",
            exit_code=ExitCode.MACHINE,
        ) from error
    _strip(root)
    if image == "kubernetes":
        _fit_for_kubelet(root)


def _strip(root: Path) -> None:
    """Take out what must be a guest's own, or must come by configuration: identity, sources, caches."""
    (root / "etc/machine-id").write_text("")
    for pattern in (
        "etc/ssh/ssh_host_*",
        "etc/apt/sources.list",
        "var/cache/apt/archives/*.deb",
        "var/log/*.log",
    ):
        for path in root.glob(pattern):
            path.unlink()
    for path in (root / "var/lib/apt/lists").iterdir():
        if path.is_file():
            path.unlink()
    for name in ("etc/hostname", "etc/resolv.conf", "var/lib/dbus/machine-id"):
        (root / name).unlink(missing_ok=True)
    (root / CLOCK).parent.mkdir(parents=True)
    (root / CLOCK).write_text(CLOCK_TEXT)
    run(["chroot", root, "systemctl", "mask", *MASKED])
    run(["chroot", root, "systemctl", "enable", "systemd-networkd.service", "ssh.service"])


def _fit_for_kubelet(root: Path) -> None:
    """Add the unit that runs before everything else and makes the container fit for a kubelet."""
    script = root / FIT_SCRIPT.lstrip("/")
    script.write_text(FIT_SCRIPT_TEXT + "".join(f"fake {name} {value}\n" for name, value in TUNABLES.items()))
    script.chmod(0o755)
    (root / "etc/systemd/system" / FIT_UNIT).write_text(FIT_UNIT_TEXT)
    run(["chroot", root, "systemctl", "enable", FIT_UNIT])
    run(["chroot", root, "systemctl", "disable", "containerd.service"])
