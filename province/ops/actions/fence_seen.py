"""What hosts do about a fence, read from their daemons and their kernel: routes they announce, names, open doors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from province.fleet.exposed import exposed_at
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.manifest.names import known_names
from province.manifest.passages import entrances
from province.manifest.peers import peers_of
from province.ops.actions.remote import ActionTrouble, Remote, must

SESSION = re.compile(r"^(\S+)\s+BGP\s+\S+\s+(\S+)\s+\S+\s*(.*)$")
"""A line of `birdc show protocols`: name, kind, table, state, since, what it says."""
EXPORTED = re.compile(r"^\s+Routes:.*?(\d+) exported")
NAMED = 3
CORE = "core"
"""The session with the routers of the sites; all others are nodes'."""


def said(parts: Collection[str], words: Mapping[str, str]) -> str:
    """What a host does, by those of its capabilities that take part."""
    return ", ".join(text for part, text in words.items() if part in parts)


def sessions(printed: str) -> dict[str, tuple[bool, int]]:
    """BGP sessions out of `birdc show protocols all`: whether each stands, and how many routes it announces."""
    found: dict[str, tuple[bool, int]] = {}
    name = ""
    for line in printed.splitlines():
        if line and not line[0].isspace():
            heads = SESSION.match(line)
            name = heads[1] if heads else ""
            if heads:
                found[name] = (heads[3].startswith("Established"), 0)
        elif name and (told := EXPORTED.match(line)):
            up, announced = found[name]
            found[name] = (up, announced + int(told[1]))
    return found


def carried(remote: Remote, gateways: Iterable[Host]) -> int:
    """How many sessions with nodes stand at these gateways; one that does not answer carries none."""
    found = 0
    for gateway in gateways:
        try:
            told = sessions(must(remote, gateway.name, ["birdc", "show", "protocols", "all"]))
        except (ActionTrouble, ConnectionError):
            continue
        found += sum(up for name, (up, _) in told.items() if name != CORE)
    return found


def routing(remote: Remote, host: Host, *, fenced: bool) -> str:
    """Whether a gateway announces what it should: nothing at a fenced site, else something over each session."""
    told = sessions(must(remote, host.name, ["birdc", "show", "protocols", "all"]))
    if fenced:
        loud = [name for name, (_, announced) in told.items() if announced]
        return f"it still announces routes to {_some(loud)}" if loud else ""
    mute = [name for name, (up, announced) in told.items() if up and not announced and name != CORE]
    return f"it announces nothing to {_some(mute)}" if mute else ""


def names(remote: Remote, fleet: Fleet, host: Host) -> str:
    """Whether a resolver gives the names of systems the addresses that the model does."""
    printed = must(remote, host.name, ["unbound-control", "list_local_data"])
    got: dict[str, set[str]] = {}
    for line in printed.splitlines():
        match line.split():
            case [name, _, _, "A" | "AAAA", address]:
                got.setdefault(name.rstrip("."), set()).add(address)
            case _:
                pass
    systems = {name.host for site in fleet.data_centres for name in exposed_at(fleet, site)}
    wanted = {one["name"]: set(one["addresses"]) for one in known_names(fleet, peers_of(fleet))}
    wrong = sorted(name for name in systems if got.get(name, set()) != wanted.get(name, set()))
    return f"it still answers otherwise for {_some(wrong)}" if wrong else ""


def doors(remote: Remote, fleet: Fleet, host: Host, site: str, *, fenced: bool) -> str:
    """Whether the kernel keeps users of a fenced site's entrances out, at gateways and at the entrances themselves."""
    addresses = [str(door.ipv4.ip) for door in entrances(fleet, fleet.sites[site])]
    if host.host_class == "gateway":
        through = must(remote, host.name, ["nft", "list", "set", "inet", "province", "systems4"])
        open_ = [one for one in addresses if re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])", through)]
        if fenced and open_:
            return f"it still takes users to {_some(open_)}"
        return "" if fenced or open_ else "it takes nobody to the entrances"
    shut = remote.run(host.name, ["nft", "list", "chain", "inet", "province", "fenced"]).code == 0
    if fenced:
        return "" if shut else "its entrances are open"
    return "its entrances are shut" if shut else ""


def _some(found: list[str]) -> str:
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{' '.join(found[:NAMED])}{more}"
