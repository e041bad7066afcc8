"""What the loaded firewall lets through: no rule may hide behind its form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from province.verify.ruleset import Ruleset, covering

TCP_22 = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
ACCEPT: dict[str, Any] = {"accept": None}


def saddr(right: Any, protocol: str = "ip") -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": "saddr"}}, "right": right}}


def meta(key: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": right}}


def loaded(*rules: list[dict[str, Any]], policy: str = "drop", **chains: list[dict[str, Any]]) -> Ruleset:
    """The rules of a chain `input`, and one rule in each of other chains."""
    chain = {
        "family": "inet",
        "table": "province",
        "name": "input",
        "type": "filter",
        "hook": "input",
        "policy": policy,
    }
    placed = [*(("input", rule) for rule in rules), *chains.items()]
    listed = [{"rule": {"table": "province", "chain": name, "handle": 7, "expr": rule}} for name, rule in placed]
    return Ruleset(json.dumps({"nftables": [{"metainfo": {}}, {"chain": chain}, *listed]}))


def test_policy_and_ports_with_their_peers() -> None:
    rules = loaded(
        [
            saddr({"set": [{"prefix": {"addr": "198.19.0.0", "len": 17}}, "192.0.2.1"]}),
            TCP_22,
            {"counter": None},
            ACCEPT,
        ],
        [saddr({"prefix": {"addr": "2001:db8::", "len": 64}}, "ip6"), TCP_22, ACCEPT],
    )
    assert rules.policies("input") == {"drop"}
    assert rules.openings("input", "province") == {("tcp", 22): {"198.19.0.0/17", "192.0.2.1/32", "2001:db8::/64"}}


def test_a_rule_for_anybody_outweighs_those_with_peers() -> None:
    rules = loaded([saddr("192.0.2.1"), TCP_22, ACCEPT], [TCP_22, ACCEPT])
    assert rules.openings("input", "province") == {("tcp", 22): frozenset()}


@pytest.mark.parametrize(("verdict", "found"), [({"drop": None}, {}), (ACCEPT, {("", 0): frozenset()})])
def test_who_is_led_to_where_nothing_is_accepted_is_refused(verdict: dict[str, Any], found: object) -> None:
    rules = loaded([meta("iifname", "users"), {"goto": {"target": "end"}}], end=[{"counter": None}, verdict])
    assert rules.openings("input", "province") == found


@pytest.mark.parametrize(
    "rule",
    [
        [ACCEPT],
        [saddr("192.0.2.1"), ACCEPT],
        [meta("l4proto", {"set": ["icmp", "tcp"]}), ACCEPT],
        [meta("l4proto", "tcp"), {"jump": {"target": "elsewhere"}}],
        [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "new"]}}, ACCEPT],
        [meta("iif", "users"), ACCEPT],
        [{"vmap": {"key": {"payload": {"protocol": "ip", "field": "saddr"}}, "data": "@friends"}}],
    ],
)
def test_whatever_is_accepted_without_a_port_is_an_opening(rule: list[dict[str, Any]]) -> None:
    found = loaded(rule).openings("input", "province")
    assert [port for _, port in found] == [0]


@pytest.mark.parametrize(
    "rule",
    [
        [meta("iif", "lo"), ACCEPT],
        [{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, ACCEPT],
        [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": []}}}],
        [meta("l4proto", {"set": ["icmp", "ipv6-icmp"]}), {"jump": {"target": "control_messages"}}],
        [TCP_22, {"drop": None}],
    ],
)
def test_what_every_host_accepts_is_no_opening(rule: list[dict[str, Any]]) -> None:
    assert loaded(rule).openings("input", "province") == {}


def test_ranges_and_prefixes_that_cover_the_same_are_the_same() -> None:
    rules = loaded([saddr({"range": ["198.18.0.0", "198.19.63.255"]}), TCP_22, ACCEPT])
    expected = covering(["198.18.0.0/17", "198.18.128.0/17", "198.19.0.0/18"])
    assert rules.openings("input", "province")["tcp", 22] == expected == {"198.18.0.0/16", "198.19.0.0/18"}


def test_tables_are_compared_without_what_changes_by_itself() -> None:
    one = loaded([TCP_22, {"counter": {"packets": 1, "bytes": 60}}, ACCEPT])
    other = loaded([TCP_22, {"counter": {"packets": 9, "bytes": 540}}, ACCEPT])
    assert one.table("province") == other.table("province")
    assert one.table("province") != loaded([TCP_22, ACCEPT], [ACCEPT]).table("province")
    assert loaded(policy="accept").table("province") != loaded().table("province")


def test_the_order_of_rules_counts() -> None:
    drop: list[dict[str, Any]] = [{"drop": None}]
    assert loaded([TCP_22, ACCEPT], drop).table("province") != loaded(drop, [TCP_22, ACCEPT]).table("province")
