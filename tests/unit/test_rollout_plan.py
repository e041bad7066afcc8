"""A plan: every host is asked, the same changes stand together, and nothing is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from province.fleet.findings import BadData, Finding
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.remembered import Memory
from province.manifest.rendering import Rendering
from province.rollout import plan as planning
from province.rollout.plan import CODE, Looked, Plan, changes_of, described, lines_of, make_plan

DIFF = [{"before_header": "/etc/a", "after_header": "/etc/a", "before": "one\ntwo\n", "after": "one\n2\n"}]
SAME: dict[str, Any] = {"changes": [], "diff": [], "good": True}
DIFFERS: dict[str, Any] = {"changes": ["change /etc/a"], "diff": DIFF, "good": False}


def looked(host: str, *changes: str, lines: tuple[str, ...] = (), lost: str = "") -> Looked:
    return Looked(host, "d", changes, lines, lost)


def test_hosts_with_the_very_same_change_stand_together_the_largest_group_first() -> None:
    lines = ("--- a", "+++ a", "-two", "+2")
    found = Plan(
        (
            looked("odd", "change /etc/a", lines=("+3",)),
            looked("b", "change /etc/a", lines=lines),
            looked("c", "change /etc/a", lines=lines),
            looked("same"),
            looked("away", lost="ssh: connect\nNo route to host"),
        )
    )
    assert [group.hosts for group in found.groups] == [("b", "c"), ("odd",)]
    assert found.as_declared == ("same",)
    assert described(found) == [
        "5 hosts   1 as declared   3 differ   1 could not be asked",
        "2 hosts the same (2 lines of files): b c",
        "  change /etc/a",
        "1 host (1 lines of files): odd",
        "  change /etc/a",
        "not asked, waits for `province apply --pending`: away: No route to host",
    ]
    assert "    -two" in described(found, whole=True)
    assert described(found, shown=1)[-2] == "1 hosts differ in 1 more ways: see --diff"


def test_lines_of_files_are_those_that_differ() -> None:
    assert lines_of(DIFF) == ("--- /etc/a", "+++ /etc/a", "@@ -2 +2 @@", "-two", "+2")


@pytest.mark.parametrize(
    ("answer", "changes"), [(SAME, ()), (DIFFERS, ("change /etc/a",)), ({**SAME, "good": False}, (CODE,))]
)
def test_a_host_with_old_code_is_not_as_declared(answer: dict[str, Any], changes: tuple[str, ...]) -> None:
    assert changes_of(answer) == changes


class Node:
    """A node that gives this answer to whoever asks."""

    asked: list[str]

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, []

    def send(self, sent: bytes) -> str:
        self.asked.append(json.loads(sent.decode().splitlines()[1])["verb"])
        if isinstance(self.answer, Exception):
            raise self.answer
        return json.dumps(self.answer)

    def renew(self) -> None: ...


@pytest.fixture
def rendering(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Rendering:
    """One whose manifests are quick to make."""

    class Manifest:
        def __init__(self, host: str) -> None:
            self.host, self.digest, self.parts, self.advice = host, "d" * 64, ("time",), ()

        def desired(self) -> dict[str, object]:
            return {}

    class Quick:
        def __init__(self) -> None:
            self.fleet = load_fleet("lab")

        def build(self, host: Any, **_: Any) -> Manifest:
            return Manifest(host.name)

    monkeypatch.setattr(planning, "rehearse", lambda *_: [])
    return Rendering(Quick(), Memory(None))  # type: ignore[arg-type]


def test_every_host_is_asked_once_and_those_that_cannot_be_are_split_off(rendering: Rendering) -> None:
    hosts = list(rendering.fleet.hosts.values())[:4]
    answers = (SAME, DIFFERS, ConnectionError("No route to host"), {"trouble": "the journal has form 99"})
    nodes = {host.name: Node(answer) for host, answer in zip(hosts, answers, strict=True)}
    found = make_plan(rendering, hosts, lambda _, name: nodes[name])
    assert [one.host for one in found.differing] == [hosts[1].name]
    assert found.lost == {hosts[2].name: "No route to host", hosts[3].name: "the journal has form 99"}
    assert {verb for node in nodes.values() for verb in node.asked} == {"compare"}
    assert found.digests == {hosts[1].name: "d" * 64}


def test_a_file_that_a_program_refuses_ends_the_plan(rendering: Rendering, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Finding("templates/a.j2", "line 3 of a.j2", "x", "it is refused", "correct it")
    monkeypatch.setattr(planning, "rehearse", lambda *_: [refusal])
    host = next(iter(rendering.fleet.hosts.values()))
    with pytest.raises(BadData, match="it is refused"):
        make_plan(rendering, [host], lambda _, __: Node(DIFFERS))
    assert make_plan(rendering, [host], lambda _, __: Node(SAME)).differing == ()
