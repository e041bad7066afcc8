"""A plan is read by what changes in the same way, and what differs stands out."""

from __future__ import annotations

from typing import Any

from province.ops.plan_groups import Group, describe, groups

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def step(op: str, name: str, old: Any = None, new: Any = None, token: str = POLICY) -> dict[str, Any]:
    states = {"oldState": {"inputs": old} if old is not None else None, "newState": {"inputs": new} if new else None}
    return {"op": op, "urn": f"urn:pulumi:lab.north.systems::province::province:systems:Flow${token}::{name}", **states}


def spec(port: int, *, peers: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"a.b/c": "x"}}, "spec": {"port": port, "from": peers or [], **more}}


SAME = [step("update", f"s{number}/deny", spec(80), spec(8080, peers=["p"])) for number in range(41)]
ODD = [
    step("update", "mail/deny", spec(80), spec(80, peers=["p", "q"])),
    step("update", "tasks/deny", spec(80, gone=[1]), spec(80)),
]


def test_identical_changes_are_one_group_and_the_others_stand_beside_it() -> None:
    found = groups({"steps": [*ODD, *SAME, step("same", "s99/deny", spec(1), spec(1))]})
    assert [(one.operation, one.kind, len(one.members)) for one in found] == [
        ("update", "NetworkPolicy", 41),
        ("update", "NetworkPolicy", 1),
        ("update", "NetworkPolicy", 1),
    ]
    assert found[0].lines == ("+ spec.from.0: p", "~ spec.port: 80 => 8080")
    assert found[1].lines == ("+ spec.from.0: p", "+ spec.from.1: q")
    assert found[2].lines == ("- spec.gone: [1]",)


def test_a_reviewer_reads_the_common_change_once() -> None:
    assert describe(groups({"steps": [*SAME, *ODD]})) == [
        "update 43 NetworkPolicy: 41 the same 2 lines; 2 differ: mail/deny, tasks/deny",
        "  + spec.from.0: p",
        "  ~ spec.port: 80 => 8080",
        "  mail/deny:",
        "    + spec.from.0: p",
        "    + spec.from.1: q",
        "  tasks/deny:",
        "    - spec.gone: [1]",
    ]


def test_what_goes_stands_before_what_changes_and_what_comes() -> None:
    steps = [
        step("create", "a/x", new=spec(1)),
        step("update", "b/x", spec(1), spec(2)),
        step("delete", "c/x", spec(1)),
        step("discard", "d/x", spec(1)),
        step("replace", "e/x", spec(1), spec(2)),
    ]
    assert [one.operation for one in groups({"steps": steps})] == ["discard", "delete", "replace", "update", "create"]


def test_what_comes_or_goes_as_a_whole_is_counted_and_named() -> None:
    steps = [step("create", f"s{number}/deny", new=spec(number)) for number in range(8)]
    assert describe(groups({"steps": steps})) == [
        "create 8 NetworkPolicy: s0/deny, s1/deny, s2/deny, s3/deny, s4/deny, s5/deny and 2 more"
    ]


def test_changes_that_have_nothing_in_common_are_shown_each() -> None:
    found = groups({"steps": ODD})
    assert describe(found) == [
        "update 2 NetworkPolicy, each in its own way: mail/deny, tasks/deny",
        "  mail/deny:",
        "    + spec.from.0: p",
        "    + spec.from.1: q",
        "  tasks/deny:",
        "    - spec.gone: [1]",
    ]
    assert describe(found[:1])[0] == "update 1 NetworkPolicy: mail/deny"


def test_two_of_a_kind_that_change_alike_are_said_to() -> None:
    assert describe(groups({"steps": SAME[:2]}))[0] == "update 2 NetworkPolicy: s0/deny, s1/deny, the same 2 lines"


def test_long_values_do_not_fill_the_page() -> None:
    (group,) = groups({"steps": [step("update", "a/x", spec(1, text="x" * 90), spec(1, text="y"))]})
    assert group.lines == (f"~ spec.text: {'x' * 57}... => y",)


def test_a_plan_that_changes_nothing_has_no_group() -> None:
    assert groups({"steps": [step("same", "a/x", spec(1), spec(1))]}) == groups({}) == ()
    assert describe([]) == []
    assert Group("same", "x", (), ()) not in groups({})
