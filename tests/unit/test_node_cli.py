"""`province node`: what is printed of hosts, and with which code it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from province.cli.node import app
from province.ops.node_ssh import SshContact

STATUS = {
    "applied": {"generation": 3, "time": "12:00", "controller": "an@desk", "reason": "OPS-1"},
    "under_way": None,
    "put_back": {},
    "differs": [],
    "foreign": ["/etc/sudoers.d/by-hand"],
}  # fmt: skip
HOST = "rach-gia-services-1"


def call(monkeypatch: pytest.MonkeyPatch, answer: Any, *words: str) -> tuple[int, str]:
    """Run a verb against a host that gives this answer, or is not there."""

    def send(_: SshContact, __: bytes) -> str:
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    monkeypatch.setattr(SshContact, "send", send)
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout


@pytest.mark.parametrize(
    ("answer", "code", "shown"),
    [
        (STATUS, 0, "foreign: /etc/sudoers.d/by-hand"),
        (STATUS | {"differs": ["change /etc/a"]}, 5, "differs: change /etc/a"),
        (STATUS | {"put_back": {"time": "t", "why": "nobody confirmed it"}}, 5, "put back at t: nobody confirmed it"),
        ({"trouble": "the journal has form 99"}, 1, "trouble: the journal has form 99"),
        (ConnectionError("No route to host"), 4, "unreachable: No route to host"),
    ],
    ids=["fine", "differs", "put back", "trouble", "unreachable"],
)
def test_the_exit_code_says_how_a_host_is(answer: Any, code: int, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, printed = call(monkeypatch, answer, "status", HOST)
    assert ended == code
    assert shown in printed
    assert json.loads(call(monkeypatch, answer, "status", HOST, "--json")[1])[HOST]


def test_several_hosts_only_go_back_when_that_is_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    never = AssertionError("a host was asked")
    code, printed = call(monkeypatch, never, "rollback", "services", "--reason", "OPS-2")
    assert code == 0
    assert "repeat it with --yes" in printed


def test_what_hosts_go_back_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"to": 2, "changes": ["change /etc/a"], "armed": None}
    code, printed = call(monkeypatch, answer, "rollback", HOST, "--reason", "OPS-2")
    assert (code, "back to what generation 2 was" in printed, "change /etc/a" in printed) == (0, True, True)
