"""What is installed, and where it may come from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from testinfra.host import Host as Connection

from province.verify import installed
from province.verify.expectations import Expected
from province.verify.marks import control

ASKED = "apt-get update --print-uris -o Debug::NoLocking=1"
"""Every address that the next update would ask, of all source files merged; nothing is fetched."""

UPDATE_WAITS_AT_MOST = timedelta(days=30)
INDEX_AGES_AT_MOST = timedelta(days=14)
INDEX = "stat --format %Y /var/lib/apt/lists/*InRelease"
WAITING = 'apt-get -qq --print-uris -o Debug::NoLocking=1 upgrade | cut -d "\'" -f 2'
PUBLISHED = """
import subprocess, sys, urllib.request as web
waiting = subprocess.run(["/bin/sh", "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True, check=False).stdout
for address in waiting.split():
    with web.urlopen(web.Request(address, method="HEAD"), timeout=10) as answer:
        print(address, answer.headers["Last-Modified"], sep="\t")
"""
"""Since when the mirror has had the packages whose addresses a command prints."""

KEYS = "apt-get indextargets --format '$(SIGNED_BY) $(TRUSTED)'"
CLEAR_TEXT_CLIENTS = {"telnet", "inetutils-telnet", "rsh-client", "rsh-redone-client", "ftp", "tnftp", "nis", "talk"}
NEEDLESS_SERVICES = {
    "apache2", "apport", "autofs", "avahi-daemon", "cups", "dnsmasq", "dovecot-core", "exim4", "isc-dhcp-server",
    "kea-dhcp4-server", "nfs-kernel-server", "postfix", "rpcbind", "rsync", "samba", "slapd", "snmpd", "squid",
    "systemd-coredump", "telnetd", "tftpd-hpa", "vsftpd", "xinetd", "xserver-xorg-core", "ypserv",
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


@control(58)
def test_no_update_has_been_waiting_for_a_month(host: Connection) -> None:
    """Since the day on which the mirror had it (TCVN 14423:2026, 5.7.2.2)."""
    rows = (line.split("\t") for line in host.check_output("python3 -c %s %s", PUBLISHED, WAITING).splitlines())
    since = {address.rpartition("/")[2]: parsedate_to_datetime(date) for address, date in rows}
    latest = datetime.now(UTC) - UPDATE_WAITS_AT_MOST
    assert {package: date for package, date in since.items() if date < latest} == {}


@control(58)
def test_the_host_knows_of_new_versions(host: Connection) -> None:
    """An index of last year knows of no update (TCVN 14423:2026, 5.7.2.2)."""
    newest = datetime.fromtimestamp(max(map(int, host.check_output(INDEX).split())), UTC)
    assert datetime.now(UTC) - newest < INDEX_AGES_AT_MOST


@control(60)
def test_every_package_is_declared_or_needed_by_one_that_is(host: Connection, expected: Expected) -> None:
    """The model's list, Debian's standard set, and what these cannot be without (TCVN 14423:2026, 5.3.2.1)."""
    there = installed.parse_installed(host.check_output(installed.INSTALLED))
    wanted = {*expected.manifest.packages, *expected.facts["platform_base_packages"]}
    assert installed.unasked(there, wanted) == set()
