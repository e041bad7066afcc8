"""Drift of hosts: whose change it is, who differs alike, and what is unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from province.errors import ExitCode
from province.ops import drift
from province.ops.drift import Alike, HostDrift
from province.ops.node_talk import Wish
from province.ops.node_wire import NodeTrouble


class Told:
    """A node that says the same whenever it is asked, by verb; an error is raised."""

    def __init__(self, status: Any, apply: Any = None) -> None:
        self._answers = {"status": status, "apply": apply}
        self.asked: list[dict[str, Any]] = []

    def send(self, request: bytes) -> str:
        asked = json.loads(request.decode().splitlines()[1])
        self.asked.append(asked)
        answer = self._answers[asked["verb"]]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    def renew(self) -> None:
        raise AssertionError("looking never needs a second connection")


WISH = Wish("d", lambda: {"parts": []})


def status(*differs: str, put_back: Any = None) -> dict[str, Any]:
    return {"differs": list(differs), "put_back": put_back or {}}


def would(*changes: str, foreign: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"changes": list(changes), "foreign": list(foreign), "kept": [], "put_back": {}}


def test_what_somebody_changed_is_told_from_what_the_model_brings() -> None:
    node = Told(
        status("change /etc/motd", put_back={"why": "no confirmation"}),
        would("change /etc/motd", "change /etc/chrony/chrony.conf", foreign=("/etc/sudoers.d/x",)),
    )
    found = drift.look_at("a", WISH, node)
    assert found.foreign == ("declared by nobody: /etc/sudoers.d/x",)
    assert found.differences == (
        "changed since it was applied: change /etc/motd",
        "not applied yet: change /etc/chrony/chrony.conf",
        "put back: no confirmation",
    )
    assert [one.get("check") for one in node.asked if one["verb"] == "apply"] == [True], "looking changes nothing"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NodeTrouble("no manifest"), HostDrift("a", trouble="no manifest")),
        (ConnectionError("No route to host"), HostDrift("a", unreachable="No route to host")),
    ],
)
def test_a_host_that_cannot_be_asked_is_never_as_declared(error: Exception, expected: HostDrift) -> None:
    assert drift.look_at("a", WISH, Told(status(), error)) == expected


def test_hosts_that_differ_alike_stand_together_and_the_largest_group_first() -> None:
    found = [HostDrift("a", ("x",)), HostDrift("b"), HostDrift("c", ("y", "z")), HostDrift("d", ("x",))]
    assert drift.alike(found) == [Alike(("x",), ("a", "d")), Alike(("y", "z"), ("c",))]
    step = drift.step(found, 1.0)
    assert (step.line, step.changed, step.failed) == ("4 hosts: 1 as declared, 3 differ", True, "")
    assert step.details == ("2 alike: a, d", "  x", "c", "  y", "  z")


def test_a_file_that_nobody_declared_is_shown_and_no_drift_by_itself() -> None:
    step = drift.step([HostDrift("a", foreign=("f",)), HostDrift("b", foreign=("f",))], 1.0)
    assert (step.line, step.changed, step.details) == (
        "2 hosts: 2 as declared, 0 differ",
        False,
        ("2 alike: a, b", "  f"),
    )


def test_what_is_unknown_is_a_failure_that_says_how_to_go_on() -> None:
    step = drift.step([HostDrift("a", unreachable="No route to host"), HostDrift("b")], 1.0)
    assert (step.line, step.changed) == ("2 hosts: 1 as declared, 0 differ, 1 unknown", False)
    assert (step.code, step.failed, step.again) == (ExitCode.UNREACHABLE, "a: No route to host", "province drift a")
    both = drift.step([HostDrift("a", unreachable="x"), HostDrift("b", trouble="y")], 1.0)
    assert both.code is ExitCode.FAILED
