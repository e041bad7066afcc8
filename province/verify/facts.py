"""What a host says about itself, parsed: pure functions from the output of one command to values to compare.

Every command here shows effective state, what the kernel or the daemon really uses, never a configuration file.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any

SSHD = "sshd -T"
SOCKETS = "ss -H -lntup"
ADDRESSES = "ip -j address show"
ROUTES = "ip -j -4 route show; ip -j -6 route show"
ACCOUNTS = "getent passwd; echo; getent shadow"
PACKAGES = "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n'"
PEERS = "wg show all allowed-ips"
HANDSHAKES = "date +%s; wg show all latest-handshakes"
LEARNED_ROUTES = "for n in 4 6; do ip -j -$n route show proto bird; done"
NEIGHBOURS = "birdc show protocols"
BFD_SESSIONS = "birdc show bfd sessions"
BFD_SOURCE_PORTS = 32768
"""The lowest port that the kernel gives to who asks for any."""
BFD_STATES = ("Up", "Down", "Init", "AdminDown")
SYSCTL_FOLDER = "/proc/sys"
OWN_CLOCK = "7F7F0101"
"""What a server of time follows that knows nobody above it (chrony.conf(5), `local`)."""
_FOLLOWS = f"chronyc -c tracking | grep -q ^{OWN_CLOCK} || chronyc waitsync 5 0 0 5 >/dev/null"
"""A daemon that has just started follows nobody for a minute or two; once it does, this waits for nothing."""
TIME_SOURCES = f"{_FOLLOWS}; chronyc -c -n sources"
TIME_TRACKING = f"{_FOLLOWS}; chronyc -c -n tracking"


class SshdConfig(Mapping[str, str]):
    """The settings that sshd runs with, by lower-case name; a setting that repeats has a line for each value."""

    def __init__(self, text: str) -> None:
        found: dict[str, list[str]] = {}
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            found.setdefault(name, []).append(value)
        self._values = {name: "\n".join(values) for name, values in found.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def words(self, name: str) -> frozenset[str]:
        """The items of a list such as `ciphers`; their order is the daemon's and not compared."""
        return frozenset(self[name].split(","))


@dataclass(frozen=True, order=True)
class Socket:
    """A socket that waits for somebody. `address` has no interface name; `*` stands for every address."""

    protocol: str
    address: str
    port: int
    process: str

    @property
    def only_sends(self) -> bool:
        """Whether it is where BFD's packets leave from, or what a relay of video gave to a call.

        BFD awaits nothing there; at a port of a relay only answers arrive, as long as its call lasts.
        """
        return self.process in {"bird", "turnserver"} and self.protocol == "udp" and self.port >= BFD_SOURCE_PORTS

    @property
    def loopback(self) -> bool:
        """Whether only the host itself can reach it."""
        return self.address != "*" and ip_address(self.address).is_loopback


def parse_sockets(text: str) -> frozenset[Socket]:
    """The output of `ss -H -lntup`."""
    return frozenset(_socket(line) for line in text.splitlines() if line.strip())


def _socket(line: str) -> Socket:
    protocol, _, _, _, local, *rest = line.split()
    address, _, port = local.rpartition(":")
    named = re.search(r'\(\("([^"]+)"', " ".join(rest))
    plain = address.split("%")[0].strip("[]")
    return Socket(protocol, plain or "*", int(port), named[1] if named else "kernel")


def parse_addresses(text: str) -> dict[str, frozenset[IPv4Interface | IPv6Interface]]:
    """Global addresses by device, from `ip -j address show`; the loopback device and link-local ones are left out."""
    return {
        device["ifname"]: frozenset(
            ip_interface(f"{one['local']}/{one['prefixlen']}")
            for one in device.get("addr_info", [])
            if one["scope"] == "global"
        )
        for device in json.loads(text)
        if device["ifname"] != "lo"
    }


@dataclass(frozen=True, order=True)
class Route:
    """A way to a destination: `default` or a prefix; `via` is empty for a network the host is part of."""

    destination: str
    via: str
    device: str


def parse_routes(text: str) -> frozenset[Route]:
    """Both answers of `ip -j route show`; multicast and link-local destinations are left out, and what BGP learned."""
    found: list[dict[str, Any]] = [one for line in text.splitlines() if line.strip() for one in json.loads(line)]
    return frozenset(
        Route(one["dst"], one.get("gateway", one.get("via", {}).get("host", "")), one.get("dev", ""))
        for one in found
        if not one["dst"].startswith(("fe80:", "ff00:", "multicast")) and one.get("protocol") != "bird"
    )


def lies_in(text: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether a destination (an address or a prefix) is part of one of the networks."""
    wanted = ip_network(text)
    return any(
        wanted.version == one.version and one.supernet_of(wanted)  # type: ignore[arg-type]
        for one in networks
    )


def parse_peers(text: str) -> dict[str, dict[str, frozenset[str]]]:
    """What each peer of each tunnel device may send from, by device and public key (wg(8), `show all allowed-ips`)."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for line in text.splitlines():
        device, key, allowed = line.split("\t")
        found.setdefault(device, {})[key] = frozenset(allowed.split())
    return found


def parse_handshakes(text: str) -> dict[str, float]:
    """Seconds since the last handshake, by device and peer; infinite for a peer that never answered."""
    now, *lines = text.splitlines()
    rows = (line.split("\t") for line in lines)
    return {f"{device} {key}": int(now) - int(at) if int(at) else math.inf for device, key, at in rows}


def parse_neighbours(text: str) -> dict[str, str]:
    """The state of every BGP session by its name, from `birdc show protocols`."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: row[-1] for row in rows if len(row) > 4 and row[1] == "BGP"}


def parse_watches(text: str) -> dict[str, tuple[str, float]]:
    """State, and seconds until a silent path counts as lost, by device and address (`birdc show bfd sessions`)."""
    rows = (line.split() for line in text.splitlines())
    return {f"{row[1]} {row[0]}": (row[2], float(row[-1])) for row in rows if len(row) >= 6 and row[2] in BFD_STATES}


def sysctls_command(names: Iterable[str]) -> str:
    """The command that reads these kernel settings, a star standing for every device.

    From the kernel's own files (sysctl(8)): listing all settings of all devices costs a host twenty times as much.
    """
    paths = " ".join(f"{SYSCTL_FOLDER}/{name.replace('.', '/')}" for name in sorted(names))
    return f"grep -Hs '' -- {paths}"


def parse_sysctls(text: str) -> dict[str, str]:
    """The answer to `sysctls_command`: values by name, blanks between numbers as single ones."""
    pairs = (line.removeprefix(f"{SYSCTL_FOLDER}/").partition(":") for line in text.splitlines())
    return {name.replace("/", "."): " ".join(value.split()) for name, _, value in pairs}


def settings_like(sysctls: Mapping[str, str], pattern: str) -> dict[str, str]:
    """The settings that a name with a star for the device stands for."""
    wanted = re.compile(re.escape(pattern).replace(r"\*", "[^.]+"))
    return {name: value for name, value in sysctls.items() if wanted.fullmatch(name)}


@dataclass(frozen=True)
class Account:
    """A local account as the host's databases have it. `locked`: no password opens it."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    locked: bool

    @property
    def can_log_in(self) -> bool:
        """Whether its shell lets anybody in."""
        return not self.shell.endswith(("/nologin", "/false", "/sync"))


def parse_accounts(text: str) -> dict[str, Account]:
    """The password database, an empty line, the shadow database."""
    people, _, secrets = text.partition("\n\n")
    passwords = dict(line.split(":")[:2] for line in secrets.splitlines() if line)
    accounts: dict[str, Account] = {}
    for line in filter(None, people.splitlines()):
        name, _, uid, gid, _, home, shell = line.split(":")
        locked = passwords.get(name, "").startswith(("!", "*"))
        accounts[name] = Account(name, int(uid), int(gid), home, shell, locked)
    return accounts


def parse_sudo_defaults(text: str) -> dict[str, str]:
    """The settings in the output of `sudo -l`: `yes` or `no` for switches; a later one replaces an earlier one."""
    listed = text.partition("entries for")[2].partition("\n")[2].partition("\n\n")[0]
    settings: dict[str, str] = {}
    for word in re.split(r",\s+", listed.strip()):
        name, given, value = word.partition("=")
        settings[name.lstrip("!")] = value if given else ("no" if name.startswith("!") else "yes")
    return settings


def parse_packages(text: str) -> frozenset[str]:
    """Names of the packages that are completely installed."""
    return frozenset(line.split()[1] for line in text.splitlines() if line.startswith("ii"))


def units_command(names: Iterable[str]) -> str:
    """The command that shows these units."""
    words = " ".join(shlex.quote(name) for name in names)
    return f"systemctl show --property Id,Names,LoadState,ActiveState,UnitFileState -- {words}"


def parse_units(text: str) -> dict[str, dict[str, str]]:
    """Properties by every name of a unit, from `systemctl show`; blocks are separated by an empty line."""
    blocks = (dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n"))
    return {name: block for block in blocks if block for name in block["Names"].split()}


def parse_resolvers(text: str) -> tuple[str, ...]:
    """The addresses that resolv.conf(5) names, in order."""
    words = (line.split() for line in text.splitlines())
    return tuple(line[1] for line in words if line[:1] == ["nameserver"])


@dataclass(frozen=True)
class TimeSource:
    """A time server as chronyd sees it. `selected`: the clock follows it. Field order: chronyc(1), `sources`."""

    address: str
    selected: bool
    reachable: bool


def parse_time_sources(text: str) -> tuple[TimeSource, ...]:
    """The output of `chronyc -c -n sources`; the reach register is octal, 0 means no answer lately."""
    rows = (line.split(",") for line in text.splitlines() if line)
    return tuple(TimeSource(row[2], row[1] == "*", int(row[5], 8) > 0) for row in rows)


@dataclass(frozen=True)
class File:
    """A regular file as it lies on the host: `mode` is octal text without leading zeros, `sha256` of its content."""

    owner: str
    group: str
    mode: str
    sha256: str


def files_command(paths: Iterable[str]) -> str:
    """The command that looks at these files; those that are not there are left out of the answer."""
    words = " ".join(shlex.quote(path) for path in paths)
    return f"stat --printf '%U %G %a %n\\n' -- {words}; echo; sha256sum -- {words}"


def parse_files(text: str) -> dict[str, File]:
    """The answer to `files_command`, by path."""
    attributes, _, sums = text.partition("\n\n")
    digests = {line[66:]: line[:64] for line in sums.splitlines()}
    rows = (line.split(" ", 3) for line in attributes.splitlines())
    return {path: File(owner, group, mode, digests.get(path, "")) for owner, group, mode, path in rows}
