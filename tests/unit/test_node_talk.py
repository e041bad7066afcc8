"""The controller's side: confirm over a new connection, live through a cut one, send only what the node lacks."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from province.ops import node_talk, node_wire
from province.ops.node_wire import NodeTrouble

CUT = ConnectionError("Timeout, server not responding")


class Script:
    """A node that gives prepared answers; what was asked, and when the connection was made anew, is written down."""

    def __init__(self, *answers: Any) -> None:
        self._answers: Iterator[Any] = iter(answers)
        self.asked: list[Any] = []

    def send(self, request: bytes) -> str:
        self.asked.append(json.loads(request.decode().splitlines()[1]))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    def renew(self) -> None:
        self.asked.append("renew")

    @property
    def verbs(self) -> list[str]:
        return [one if isinstance(one, str) else one["verb"] for one in self.asked]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_talk, "PAUSE", 0.0)
    monkeypatch.setattr(node_talk, "GRACE", 0.0)


def wish(**more: Any) -> node_talk.Wish:
    return node_talk.Wish(**{"digest": "d", "manifest": lambda: {"parts": []}, "confirm_seconds": 5, **more})


def own(phase: str) -> dict[str, Any]:
    me = node_wire.request("status")["controller"]
    under_way = {"phase": phase, "generation": 7, "controller": me, "changes": ["change /etc/a"]}
    return {"under_way": under_way, "applied": {}, "put_back": {}}


DONE = {"changes": ["change /etc/a"], "foreign": [], "kept": [], "put_back": {}}


def test_nothing_to_change_is_one_round_trip() -> None:
    node = Script({**DONE, "changes": [], "armed": None})
    assert node_talk.apply(node, wish()).changes == []
    assert node.verbs == ["apply"]
    assert "packed" not in node.asked[0]


def test_a_manifest_that_the_node_does_not_hold_is_sent_in_a_second_turn() -> None:
    node = Script({"need": ["manifest"]}, DONE)
    node_talk.apply(node, wish())
    assert ["packed" in asked for asked in node.asked] == [False, True]


def test_what_the_node_said_before_that_it_lacks_is_sent_at_once() -> None:
    node = Script(DONE)
    node_talk.apply(node, wish(lacks=("manifest",)))
    assert ["packed" in asked for asked in node.asked] == [True]


def test_a_guarded_change_is_confirmed_over_a_new_connection() -> None:
    node = Script({**DONE, "armed": 7}, {"confirmed": 7})
    assert node_talk.apply(node, wish()).changes == ["change /etc/a"]
    assert node.verbs == ["apply", "renew", "confirm"]
    assert node.asked[-1]["generation"] == 7


def test_a_change_that_breaks_the_connection_is_confirmed_when_the_node_answers_again() -> None:
    node = Script(CUT, CUT, own("switching"), own("armed"), {"confirmed": 7})
    assert node_talk.apply(node, wish()).changes == ["change /etc/a"]
    assert node.verbs[-2:] == ["renew", "confirm"]


def test_a_node_that_went_back_says_so() -> None:
    back = {"controller": own("armed")["under_way"]["controller"], "why": "nobody confirmed it", "time": "12:00"}
    node = Script(CUT, {"under_way": None, "applied": {}, "put_back": back})
    with pytest.raises(NodeTrouble, match="nobody confirmed it"):
        node_talk.apply(node, wish())


def test_a_node_that_stays_out_of_reach_is_not_called_changed() -> None:
    node = Script({**DONE, "armed": 7}, *[CUT] * 5)
    with pytest.raises(NodeTrouble, match="puts everything back by itself"):
        node_talk.apply(node, wish(confirm_seconds=-1))


def test_a_node_that_was_never_reached_is_unreachable_at_once() -> None:
    node = Script(ConnectionError("ssh: connect to host 198.18.0.1 port 22: No route to host"))
    with pytest.raises(ConnectionError, match="No route"):
        node_talk.apply(node, wish())
    assert node.verbs == ["apply"]


def test_looking_is_not_repeated_when_the_connection_breaks() -> None:
    with pytest.raises(ConnectionError):
        node_talk.apply(Script(CUT), wish(check=True))


def test_what_is_no_answer_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Script()
    monkeypatch.setattr(node, "send", lambda _: "sudo: a password is required")
    with pytest.raises(NodeTrouble, match="a password is required"):
        node_talk.apply(node, wish())


class Here:
    """The first step on a node, for real, with a folder of a test's own for the code."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sizes: list[int] = []

    def send(self, request: bytes) -> str:
        self.sizes.append(len(request))
        moved = request.replace(b"/usr/local/lib/province-node", str(self.home).encode())
        return subprocess.run(
            shlex.split(node_wire.COMMAND), input=moved, capture_output=True, check=True
        ).stdout.decode()

    def renew(self) -> None:
        raise AssertionError


def test_code_is_sent_once_and_again_when_it_was_tampered_with(tmp_path: Path) -> None:
    node = Here(tmp_path / "lib")
    asked = node_wire.request("generations")
    for _ in range(2):
        assert "generations" in node_wire.ask(node, asked)
    assert len(node.sizes) == 3
    assert node.sizes[2] < 4000
    place = node.home / "current"
    assert place.readlink() == Path(node_wire.code_digest())
    (place / "province_node" / "entry.py").write_text("raise SystemExit('evil')\n", encoding="utf-8")
    assert "generations" in node_wire.ask(node, asked)
    assert len(node.sizes) == 5
    assert [path.name for path in node.home.iterdir() if path.name != "current"] == [node_wire.code_digest()]


def test_looking_leaves_no_code_behind(tmp_path: Path) -> None:
    node = Here(tmp_path / "lib")
    assert "generations" in node_wire.ask(node, {**node_wire.request("generations"), "check": True})
    assert not node.home.exists()
