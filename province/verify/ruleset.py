"""The firewall that the kernel has loaded, read from `nft -j list ruleset`: policies, and who may come through.

Objects are chosen by type, because their order and the text form differ between releases of nftables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
)
from typing import Any

LOADED = "nft -j list ruleset"
IN_FILE = "unshare --net sh -c 'nft -f /etc/nftables.conf && nft -j list ruleset'"
"""The ruleset that the next boot will load, seen in a network namespace that is gone afterwards."""

CONTROL_MESSAGES = {"icmp", "ipv6-icmp"}
CHANGING = {"handle"}
"""What differs between two loads of the same file: numbers of objects."""


@dataclass(frozen=True, order=True)
class Opening:
    """Something that a chain lets pass: to or from `peers` (empty: anybody), protocol and port (0: all of them)."""

    protocol: str
    port: int
    peers: tuple[str, ...]


def covering(prefixes: Iterable[str]) -> frozenset[str]:
    """The smallest set of prefixes that covers the same addresses, whichever way they were cut before."""
    networks = [ip_network(one) for one in prefixes]
    ipv4 = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    ipv6 = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    return frozenset(str(one) for one in (*ipv4, *ipv6))


class Ruleset:
    """Everything that is loaded, of all tables."""

    def __init__(self, text: str) -> None:
        self._objects: list[dict[str, Any]] = json.loads(text)["nftables"]

    def policies(self, hook: str) -> frozenset[str]:
        """The policies of the filter chains at a hook; a packet passes only when every one of them lets it."""
        return frozenset(chain["policy"] for chain in self._base_chains(hook))

    def first_rule(self, hook: str, table: str) -> list[dict[str, Any]]:
        """The expressions of the first rule that a packet meets in a table's chain at a hook."""
        return next(self._rules(hook, table), [])

    def rate_limits(self, hook: str, table: str) -> frozenset[str]:
        """The sets in which a table's chain at a hook counts by source, to drop who is too fast."""
        return frozenset(
            one["set"]["set"]
            for rule in self._rules(hook, table)
            for one in rule
            if "set" in one and any("limit" in statement for statement in one["set"].get("stmt", []))
        )

    def openings(self, hook: str, table: str) -> dict[tuple[str, int], frozenset[str]]:
        """The peers of every protocol and port that a table's chain at a hook accepts new connections for.

        Peers are the smallest set of prefixes, none for anybody.
        Left out is what every host accepts: its own loopback, answers, and control messages (ICMP), which have
        rules of their own. Anything else that is accepted without naming a port stands under port 0.
        """
        found: dict[tuple[str, int], list[tuple[str, ...]]] = {}
        refusing = self._refusing(table)
        for rule in self._rules(hook, table):
            opening = _opening(rule, refusing)
            if opening is not None:
                found.setdefault((opening.protocol, opening.port), []).append(opening.peers)
        return {key: frozenset() if () in peers else covering(sum(peers, ())) for key, peers in found.items()}

    def table(self, name: str) -> dict[str, list[str]]:
        """A table in comparable form: its chains and sets, and the rules of each chain in their order.

        Left out is what changes by itself: handles, counters and what dynamic sets have gathered.
        """
        found: dict[str, list[str]] = {"chains": [], "sets": []}
        for one in self._objects:
            ((kind, body),) = one.items()
            if not isinstance(body, dict) or body.get("table") != name:
                continue
            place = f"rules of {body['chain']}" if kind == "rule" else f"{kind}s"
            body = _without_what_it_gathered(body)
            found.setdefault(place, []).append(json.dumps(_stable(body.get("expr", body)), sort_keys=True))
        return {place: items if place.startswith("rules") else sorted(items) for place, items in found.items()}

    def elements(self, name: str, table: str) -> frozenset[tuple[str, ...]]:
        """The elements of a set or map, each as its parts; the last part of a map's element is what it leads to."""
        for one in self._objects:
            body = one.get("set", one.get("map", {}))
            if (body.get("name"), body.get("table")) == (name, table):
                return frozenset(_parts(element) for element in body.get("elem", []))
        raise KeyError(f"table {table} has no set {name}")

    def _refusing(self, table: str) -> frozenset[str]:
        """The chains of a table in which no rule accepts, or leads anywhere else: to go there is to be refused."""
        rules = [one["rule"] for one in self._objects if "rule" in one and one["rule"].get("table") == table]
        leading_on = {rule["chain"] for rule in rules if any(_leads_on(part) for part in rule["expr"])}
        return frozenset(rule["chain"] for rule in rules) - leading_on

    def _base_chains(self, hook: str) -> Iterator[dict[str, Any]]:
        for one in self._objects:
            chain = one.get("chain", {})
            if chain.get("hook") == hook and chain.get("type") == "filter":
                yield chain

    def _rules(self, hook: str, table: str) -> Iterator[list[dict[str, Any]]]:
        chains = {chain["name"] for chain in self._base_chains(hook) if chain["table"] == table}
        for one in self._objects:
            rule = one.get("rule", {})
            if rule.get("table") == table and rule.get("chain") in chains:
                yield rule["expr"]


def _leads_on(part: dict[str, Any]) -> bool:
    return bool({"accept", "jump", "goto", "vmap"} & part.keys())


def _opening(rule: list[dict[str, Any]], refusing: frozenset[str]) -> Opening | None:
    """What a rule lets pass; None for one that accepts nothing, or only what every host accepts."""
    matches = {_key(one["match"]["left"]): one["match"]["right"] for one in rule if "match" in one}
    targets = {one[verdict]["target"] for one in rule for verdict in ("jump", "goto") if verdict in one}
    lets_pass = any("accept" in one for one in rule) or bool(targets - refusing)
    mapped = [one["vmap"]["key"] for one in rule if "vmap" in one]
    if mapped:
        return None if mapped == [{"ct": {"key": "state"}}] else Opening("map", 0, ())
    if not lets_pass or matches.get("iif", matches.get("oif")) == "lo" or _only_answers(matches):
        return None
    if set(_members(matches.get("l4proto", "any"))) <= CONTROL_MESSAGES:
        return None
    ports = [(key, right) for key, right in matches.items() if key.endswith(" dport")]
    members = [one for key in ("saddr", "daddr") for one in _members(matches.get(key, []))]
    peers = tuple(prefix for one in members for prefix in _prefixes(one))
    if not ports:
        return Opening("", 0, peers)
    ((key, port),) = ports
    return Opening(key.split()[0], int(port), peers)


def _parts(element: Any) -> tuple[str, ...]:
    """An element of a set, taken apart: addresses as prefixes, verdicts by the chain that they name."""
    if isinstance(element, list):
        return tuple(part for one in element for part in _parts(one))
    if isinstance(element, dict) and "concat" in element:
        return _parts(element["concat"])
    for verdict in ("goto", "jump"):
        if isinstance(element, dict) and verdict in element:
            return (str(element[verdict]["target"]),)
    return _prefixes(element) if isinstance(element, dict) else (str(element),)


def _without_what_it_gathered(body: dict[str, Any]) -> dict[str, Any]:
    """A set without its elements when packets add them; those of any other set come from the file."""
    return {key: value for key, value in body.items() if key != "elem" or "dynamic" not in body.get("flags", ())}


def _only_answers(matches: dict[str, Any]) -> bool:
    return bool(matches.get("ct state")) and {"established", "related"} >= set(_members(matches["ct state"]))


def _key(left: dict[str, Any]) -> str:
    if "payload" in left:
        payload = left["payload"]
        address = payload["field"] in {"saddr", "daddr"}
        return str(payload["field"] if address else f"{payload['protocol']} {payload['field']}")
    if "meta" in left:
        return str(left["meta"]["key"])
    return f"ct {left['ct']['key']}" if "ct" in left else json.dumps(left, sort_keys=True)


def _members(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        return list(right["set"])
    return right if isinstance(right, list) else [right]


def _prefixes(value: Any) -> tuple[str, ...]:
    """One address, prefix or range, as prefixes."""
    if isinstance(value, str):
        return (value,)
    if "prefix" in value:
        return (f"{value['prefix']['addr']}/{value['prefix']['len']}",)
    first, last = (ip_address(one) for one in value["range"])
    return tuple(str(network) for network in summarize_address_range(first, last))


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: None if key == "counter" else _stable(inner) for key, inner in value.items() if key not in CHANGING
        }
    return [_stable(one) for one in value] if isinstance(value, list) else value
