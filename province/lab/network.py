"""The lab's network: one namespace without a way out, its bridges, and the guests' links with their limits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

from province.errors import ExitCode, ProvinceError
from province.lab.commands import NETNS_DIR, run
from province.lab.spec import GuestSpec, LabSpec, NetworkSpec, NicSpec

Links = dict[str, dict[str, object]]
"""The links of a namespace by name, as `ip -j -d link` describes them."""

FORWARDING = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
BROADEST = {"-4": 8, "-6": 16}
"""Shortest prefix a route of the lab may have, by address family; a shorter one would lead out."""

BURST_SECONDS = 0.005
BURST_LEAST = 10_000
QUEUE_MS = 50


def file(netns: str) -> Path:
    """Return the file that stands for the namespace."""
    return NETNS_DIR / netns


def exists(netns: str) -> bool:
    """Whether the namespace is there."""
    return file(netns).exists()


def ensure(netns: str, spec: LabSpec) -> list[str]:
    """Make the namespace and its bridges as specified; return the names of what was made or removed.

    Raises ProvinceError if the namespace turns out to have a way out.
    """
    made = []
    if not exists(netns):
        run(["ip", "netns", "add", netns])
        made.append(netns)
    run(["sysctl", "-q", "-w", *FORWARDING], netns=netns)
    before = links_of(netns)
    wanted = {network.name for network in spec.networks}
    stale = [name for name, link in before.items() if _is_stale(name, link, wanted, before)]
    batch(netns, [f"link del {name}" for name in stale] + bridges(spec, set(before)))
    assert_closed(netns)
    return made + [name for name in sorted(wanted) if name not in before] + stale


def bridges(spec: LabSpec, present: set[str]) -> list[str]:
    """Return the `ip -batch` lines that bring the namespace to its bridges, addresses and routes."""
    lines = ["link set lo up"]
    for network in spec.networks:
        if network.name not in present:
            lines.append(f"link add {network.name} address {_hardware(network.name)} type bridge mcast_snooping 0")
        lines += [f"addr replace {a} dev {network.name} nodad" for a in _gateways(network)]
        lines.append(f"link set {network.name} up")
    if all(spec.station != gateway.ip for network in spec.networks for gateway in _gateways(network)):
        lines.append(f"addr replace {spec.station}/32 dev lo")
    return lines + [f"route replace {route.destination} via {route.via}" for route in spec.routes]


def assert_closed(netns: str) -> None:
    """Raise ProvinceError if the namespace has a route broad enough to lead out of the lab."""
    for family, shortest in BROADEST.items():
        for route in json.loads(run(["ip", "-n", netns, family, "-j", "route"])):
            destination = str(route["dst"])
            if destination == "default" or ("/" in destination and int(destination.split("/")[1]) < shortest):
                raise ProvinceError(
                    f"network namespace {netns} has a route to {destination}, so the lab is not closed",
                    hint=f"remove it: ip -n {netns} {family} route del {destination}",
                    exit_code=ExitCode.MACHINE,
                )


def remove(netns: str) -> None:
    """Delete the namespace; every link in it goes with it."""
    if exists(netns):
        run(["ip", "netns", "del", netns])


def links(guest: GuestSpec) -> dict[str, str]:
    """Return, for each device of a guest, the name of its other end in the lab's namespace.

    At most 15 bytes are allowed, so the guest's name goes in as a hash; the link's alias says it in full.
    """
    digest = hashlib.sha256(guest.name.encode()).hexdigest()[:9]
    return {nic.device: f"v{digest}.{index}" for index, nic in enumerate(guest.nics)}


def shaper(link: str) -> str:
    """Return the name of the device on which what a guest sends over `link` waits its turn."""
    return f"i{link[1:]}"


def links_of(netns: str) -> Links:
    """List the namespace's links by name."""
    return {str(link["ifname"]): link for link in json.loads(run(["ip", "-n", netns, "-j", "-d", "link"]))}


def is_attached(guest: GuestSpec, present: Links) -> bool:
    """Whether all links of a guest are up, in their bridges, and shaped."""
    return all(_fits(nic, name, present) for nic, name in _pairs(guest))


def attach(netns: str, guests: Iterable[GuestSpec], present: Links) -> None:
    """Plug the guests' links into their bridges and limit them to their line's capacity.

    A link goes up last: one that is up is complete, even if an earlier run was killed on the way.
    """
    pairs = [(guest, nic, name) for guest in guests for nic, name in _pairs(guest)]
    batch(netns, [line for guest, nic, name in pairs for line in plug(guest, nic, name, present)])
    limits = [line for _, nic, name in pairs for line in limit(nic, name)]
    if limits:
        run(["tc", "-n", netns, "-batch", "-"], stdin="\n".join(limits) + "\n")
    batch(netns, [f"link set {name} up" for _, _, name in pairs])


def plug(guest: GuestSpec, nic: NicSpec, name: str, present: Links) -> list[str]:
    """Return the `ip -batch` lines that plug one link in."""
    lines = [f"link set {name} alias {guest.name}:{nic.device}"]
    if nic.network is not None:
        lines.append(f"link set {name} master {nic.network}")
    if nic.mbps is not None:
        if shaper(name) not in present:
            lines.append(f"link add {shaper(name)} type ifb")
        lines.append(f"link set {shaper(name)} up")
    return lines


def limit(nic: NicSpec, name: str) -> list[str]:
    """Return the `tc -batch` lines that limit one link, both ways, outside the guest's reach.

    Towards the guest the link's own queue is limited. What the guest sends arrives there, and only a queue
    can hold it back: so it is led through a device of its own (tc-mirred(8)) whose queue is limited.
    """
    if nic.mbps is None:
        return []
    kbit = max(1, round(nic.mbps * 1000))
    burst = max(BURST_LEAST, round(kbit * 1000 / 8 * BURST_SECONDS))
    bucket = f"tbf rate {kbit}kbit burst {burst} latency {QUEUE_MS}ms"
    return [
        f"qdisc replace dev {name} root {bucket}",
        f"qdisc replace dev {shaper(name)} root {bucket}",
        f"qdisc replace dev {name} handle ffff: ingress",
        (
            f"filter replace dev {name} parent ffff: protocol all prio 1 handle 800::1 u32 match u32 0 0 "
            f"action mirred egress redirect dev {shaper(name)}"
        ),
    ]


def unplug(netns: str, guest: GuestSpec) -> None:
    """Remove what the kernel has not yet cleared away of a guest whose power was cut; a busy one takes its time."""
    names = set(links(guest).values())
    while left := names & set(links_of(netns)):
        try:
            batch(netns, [f"link del {name}" for name in sorted(left)])
        except ProvinceError:
            if left <= set(links_of(netns)):  # else the kernel was faster
                raise


def cut(netns: str, guest: GuestSpec, device: str) -> None:
    """Cut a guest's line: the guest loses the link's carrier, as with a broken cable."""
    batch(netns, [f"link set {_link(guest, device)} down"])


def restore(netns: str, guest: GuestSpec, device: str) -> None:
    """Mend a line that was cut."""
    batch(netns, [f"link set {_link(guest, device)} up"])


def is_up(link: dict[str, object]) -> bool:
    """Whether a link is switched on at the lab's end."""
    flags = link.get("flags")
    return isinstance(flags, list) and "UP" in flags


def set_hardware_addresses(pid: int, guest: GuestSpec) -> None:
    """Give the guest's devices the addresses that the specification fixes; pid: the container's PID 1."""
    lines = [f"link set {nic.device} address {nic.mac}" for nic in guest.nics if nic.mac is not None]
    if lines:
        run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


def batch(netns: str, lines: Sequence[str]) -> None:
    """Give `ip` many commands at once: one process instead of thousands."""
    if lines:
        run(["ip", "-n", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")


def _link(guest: GuestSpec, device: str) -> str:
    """Return the link of a device, or raise an error that names the devices there are."""
    names = links(guest)
    if device not in names:
        raise ProvinceError(
            f"{guest.name} has no device {device}",
            hint=f"it has {', '.join(names)}",
            exit_code=ExitCode.USAGE,
        )
    return names[device]


def _pairs(guest: GuestSpec) -> list[tuple[NicSpec, str]]:
    """Pair each interface of a guest with its link's name."""
    names = links(guest)
    return [(nic, names[nic.device]) for nic in guest.nics]


def _fits(nic: NicSpec, name: str, present: Links) -> bool:
    """Whether one link is there, up, and in its bridge."""
    link = present.get(name, {})
    return is_up(link) and link.get("master") == nic.network


def _is_stale(name: str, link: dict[str, object], wanted: set[str], present: Links) -> bool:
    """Whether a link is a bridge nobody wants any more, or shapes a line whose guest is off."""
    info = link.get("linkinfo")
    kind = info.get("info_kind") if isinstance(info, dict) else None
    return (kind == "bridge" and name not in wanted) or (kind == "ifb" and f"v{name[1:]}" not in present)


def _hardware(name: str) -> str:
    """Return a fixed hardware address for a bridge; its own would change with each new port."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])


def _gateways(network: NetworkSpec) -> list[IPv4Interface | IPv6Interface]:
    """Return the namespace's own addresses on a network."""
    return [address for address in (network.ipv4_gateway, network.ipv6_gateway) if address is not None]
