"""What the host's system refuses: modules, mounts, programs out of their profile, memory dumps, an edited start."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

RARE_PROTOCOLS = {"atm", "can", "dccp", "rds", "sctp", "tipc"}
FOREIGN_FILE_SYSTEMS = {"cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "udf"}
USB_STORAGE = {"usb_storage", "uas"}
RESTRICTED = {
    "/tmp": {"nodev", "nosuid", "noexec"},  # noqa: S108
    "/dev/shm": {"nodev", "nosuid", "noexec"},  # noqa: S108
    "/var/tmp": {"nodev", "nosuid"},  # noqa: S108
    "/home": {"nodev", "nosuid"},
}
TIMED_WORK = {"anacron", "at", "bcron", "cron", "cronie", "systemd-cron"}
ALLOWED = "cron.allow at.allow"
SPECIAL = {
    "/usr/bin/chage", "/usr/bin/chfn", "/usr/bin/chsh", "/usr/bin/expiry", "/usr/bin/gpasswd", "/usr/bin/mount",
    "/usr/bin/newgrp", "/usr/bin/passwd", "/usr/bin/ssh-agent", "/usr/bin/su", "/usr/bin/sudo", "/usr/bin/umount",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper", "/usr/lib/openssh/ssh-keysign",
    "/usr/lib/polkit-1/polkit-agent-helper-1", "/usr/sbin/unix_chkpwd",
}  # fmt: skip
"""Programs of Debian's standard set that run with another's rights."""

IRREGULAR = (
    r"find / -xdev \( -path /var/lib/containerd -o -path /var/lib/kubelet"
    r" -o -path /var/lib/province/volumes ! -perm /077 \) -prune"
    r" -o -type f -perm -0002 -printf 'writable %p\n'"
    r" -o -type d -perm -0002 ! -perm -1000 -printf 'writable %p\n'"
    r" -o \( ! -uid 0 -nouser -o ! -gid 0 -nogroup \) -printf 'unowned %p\n'"
    r" -o -type f -perm /6000 -printf 'special %p\n'"
)
"""One walk over the host's own disk; what containers bring and store lies in folders that only root enters.

find(1) looks in the databases of accounts for every file again, which takes four times as long as the walk: root's are
not looked up.
"""


@pytest.fixture(scope="session")
def blocked_modules(host: Connection) -> frozenset[str]:
    """The modules that nobody can load, by the merged configuration of modprobe."""
    lines = (line.split() for line in host.check_output("modprobe --showconfig").splitlines())
    return frozenset(words[1] for words in lines if words[:1] == ["install"] and words[2:] == ["/bin/false"])


@pytest.fixture(scope="session")
def irregular(host: Connection) -> dict[str, set[str]]:
    """Files and folders with unusual rights: `writable`, `unowned`, `special`."""
    found: dict[str, set[str]] = {"writable": set(), "unowned": set(), "special": set()}
    for line in host.check_output(IRREGULAR).splitlines():
        kind, _, path = line.partition(" ")
        found[kind].add(path)
    return found


@pytest.fixture(scope="session")
def mounts(host: Connection) -> dict[str, set[str]]:
    """The options of each mount by its place; where several lie on each other, of the one on top."""
    rows = (line.split() for line in host.check_output("findmnt --raw --noheadings -o TARGET,OPTIONS").splitlines())
    return {where: set(options.split(",")) for where, options in rows}


@control(17)
def test_rare_protocols_cannot_be_loaded(blocked_modules: frozenset[str]) -> None:
    """Code that nobody uses has holes that nobody sees (TCVN 14423:2026, 5.5.2.1c)."""
    assert RARE_PROTOCOLS - blocked_modules == set()


@control(52)
def test_foreign_file_systems_cannot_be_mounted(blocked_modules: frozenset[str]) -> None:
    """A medium that somebody brings is not read by the kernel (TCVN 14423:2026, 5.5.2.1c)."""
    assert FOREIGN_FILE_SYSTEMS - blocked_modules == set()


@control(53)
def test_usb_storage_cannot_be_used(blocked_modules: frozenset[str]) -> None:
    """A box at a counter is in reach of many hands (TCVN 14423:2026, 5.10.2.2)."""
    assert USB_STORAGE - blocked_modules == set()


@control(54)
@pytest.mark.parametrize("where", sorted(RESTRICTED))
def test_where_everybody_writes_nothing_gains_rights(mounts: dict[str, set[str]], where: str) -> None:
    """A mount of its own, with options that the kernel has for it now (TCVN 14423:2026, 5.5.2.1b)."""
    assert RESTRICTED[where] - mounts.get(where, set()) == set()


@control(49)
def test_timed_work_is_systemd_s_and_nobody_else_s(packages: frozenset[str], host: Connection) -> None:
    """Neither cron nor at; and should one come, it takes orders from root alone (TCVN 14423:2026, 5.5.2.1b)."""
    assert packages & TIMED_WORK == set()
    seen = host.check_output(f"cd /etc && stat --printf '%U:%G %a\\n' {ALLOWED} && grep -hv '^#' {ALLOWED}")
    assert seen.splitlines() == [*["root:root 600"] * 2, "root", "root"]


@control(55)
def test_apparmor_enforces_its_profiles(host: Connection) -> None:
    """All but those that Debian ships as unconfined; none only complains (TCVN 14423:2026, 5.10.2.3)."""
    profiles = json.loads(host.check_output("aa-status --json"))["profiles"]
    modes = set(profiles.values())
    assert "enforce" in modes
    assert modes <= {"enforce", "kill", "unconfined"}


@control(56)
def test_nobody_gets_a_program_s_memory(host: Connection, expected: Expected) -> None:
    """Neither a session nor a service may write it down (TCVN 14423:2026, 5.10.2.3)."""
    asked = "su - %s -c 'ulimit -H -c' && systemctl show --property DefaultLimitCORE --value"
    assert host.check_output(asked, expected.automation).split() == ["0", "0"]


@control(57)
def test_nobody_edits_what_the_host_starts(host: Connection) -> None:
    """The menu as it lies on the disk: for root alone, and only a superuser changes it (TCVN 14423:2026, 5.5.2.1b)."""
    assert host.check_output("stat --printf '%U:%G %a' /boot/grub/grub.cfg") == "root:root 600"
    menu = host.check_output("grep -E 'superusers|menuentry_id_option=' /boot/grub/grub.cfg")
    assert 'set superusers="nobody"' in menu
    assert "--unrestricted" in menu


@control(73)
def test_no_file_is_everybody_s_or_nobody_s(irregular: dict[str, set[str]]) -> None:
    """Who may write a file decides what it does (TCVN 14423:2026, 5.5.2.1b)."""
    assert irregular["writable"] == set()
    assert irregular["unowned"] == set()


@control(73)
def test_programs_with_another_s_rights_are_known(irregular: dict[str, set[str]]) -> None:
    """One more is a way to root that nobody declared (TCVN 14423:2026, 5.5.2.1b)."""
    assert irregular["special"] - SPECIAL == set()
