"""What is installed, and where it may come from."""

from __future__ import annotations

from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.marks import control

ASKED = "apt-get update --print-uris -o Debug::NoLocking=1"
"""Every address that the next update would ask, of all source files merged; nothing is fetched."""

KEYS = "apt-get indextargets --format '$(SIGNED_BY) $(TRUSTED)'"
CLEAR_TEXT_CLIENTS = {"telnet", "inetutils-telnet", "rsh-client", "rsh-redone-client", "ftp", "tnftp", "nis", "talk"}
NEEDLESS_SERVICES = {
    "apache2", "autofs", "avahi-daemon", "cups", "dnsmasq", "dovecot-core", "exim4", "isc-dhcp-server",
    "kea-dhcp4-server", "nfs-kernel-server", "postfix", "rpcbind", "rsync", "samba", "slapd", "snmpd", "squid",
    "telnetd", "tftpd-hpa", "vsftpd", "xinetd", "xserver-xorg-core", "ypserv",
}  # fmt: skip


@control(59)
def test_packages_come_from_the_declared_mirror_only(host: Connection, expected: Expected) -> None:
    """One source and one key that vouches for it (TCVN 14423:2026, 5.3.2.2)."""
    asked = {line.strip("'").partition("/dists/")[0] for line in host.check_output(ASKED).splitlines()}
    assert asked == {f"{expected.facts['mirror_base']}/debian"}
    assert set(host.check_output(KEYS).splitlines()) == {"/etc/apt/keyrings/mirror.asc yes"}


@control(59)
def test_unsigned_packages_are_refused(host: Connection) -> None:
    """Apt's merged settings."""
    seen = host.check_output("apt-config dump APT::Get::AllowUnauthenticated Acquire::AllowInsecureRepositories")
    assert set(seen.splitlines()) == {
        'APT::Get::AllowUnauthenticated "false";',
        'Acquire::AllowInsecureRepositories "false";',
    }


def test_declared_packages_are_installed(packages: frozenset[str], expected: Expected) -> None:
    """Completely, not half."""
    assert set(expected.manifest.packages) - packages == set()


def test_no_package_is_half_installed(host: Connection) -> None:
    """An interrupted installation is found here, not at the next one."""
    assert host.check_output("dpkg --audit") == ""


@control(51)
def test_clear_text_clients_are_absent(packages: frozenset[str]) -> None:
    """Nobody can send a password in clear text with what is installed (TCVN 14423:2026, 5.5.2.1c)."""
    assert packages & CLEAR_TEXT_CLIENTS == set()


@control(50)
def test_services_nobody_needs_are_absent(packages: frozenset[str], expected: Expected) -> None:
    """What is not installed cannot be attacked (TCVN 14423:2026, 5.5.2.1c)."""
    assert packages & (NEEDLESS_SERVICES - set(expected.manifest.packages)) == set()
