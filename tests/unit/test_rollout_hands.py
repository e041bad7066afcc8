"""The hands of a run: what Ansible tells of hosts, who changed a host last, what verification makes of it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.ops.workplace import Workplace
from province.rollout import real_hands
from province.rollout.entries import Back, Result
from province.rollout.real_hands import RealHands, mark, mark_of_return, nothing_to_take_back, verdicts
from province.rollout.requests import Request
from province.verify.evidence import Record
from province.verify.outcome import Outcome
from province.verify.run import VerifyResult

from .rollout_world import begun

Heard = list[tuple[str, Result, str]]

PLAYBOOK = """#!{python}
import json, os, sys
here = os.path.dirname(sys.argv[0])
open(here + "/words", "a").write(json.dumps(sys.argv[1:]) + "\\n")
limit = sys.argv[sys.argv.index("--limit") + 1]
hosts = open(limit[1:]).read().split()
silent = os.environ.get("SILENT", "").split()
with open(os.environ["PROVINCE_OUTCOMES"], "a") as file:
    for host in hosts:
        if host not in silent:
            file.write(json.dumps({{"host": host, "result": "changed", "said": "change /etc/a"}}) + "\\n")
print("PLAY RECAP")
sys.exit(2 if silent else 0)
"""


@pytest.fixture
def hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealHands:
    """Hands whose `ansible-playbook` tells of every host that it is given."""
    program = tmp_path / "bin" / "ansible-playbook"
    program.parent.mkdir()
    program.write_text(PLAYBOOK.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    first = begun(("a", "b"), ticket="OPS-114", only=["time", "dns"])
    return RealHands(Workplace(tmp_path, "elsewhere"), load_fleet("lab"), first, tmp_path, lock)


def heard(hands: RealHands, hosts: tuple[str, ...] = ("a", "b")) -> Heard:
    found: Heard = []
    hands.apply(1, hosts, lambda *one: found.append(one))
    return found


def words(hands: RealHands) -> list[list[str]]:
    return [json.loads(line) for line in (hands.folder / "bin" / "words").read_text().splitlines()]


def test_the_playbook_is_limited_to_the_batch_and_told_why(hands: RealHands) -> None:
    assert heard(hands) == [("a", Result.CHANGED, "change /etc/a"), ("b", Result.CHANGED, "change /etc/a")]
    assert json.loads((hands.folder / "batch-1.variables.json").read_text()) == {
        "reason": "OPS-114 second time source [run aaaaaa]",
        "planned_digests": {"a": "d" * 64, "b": "d" * 64},
    }
    assert f"@{hands.folder / 'batch-1.variables.json'}" in words(hands)[0]
    assert "--tags" in words(hands)[0]
    assert (hands.folder / "batch-1.hosts").read_text() == "a\nb\n"


def test_what_a_playbook_told_that_outlived_its_controller_counts(hands: RealHands) -> None:
    line = json.dumps({"host": "a", "result": "changed", "said": ""})
    (hands.folder / "batch-1.outcomes.jsonl").write_text(f'{line}\n{{"host": "b", "res', encoding="utf-8")
    assert heard(hands) == [("a", Result.CHANGED, ""), ("b", Result.CHANGED, "change /etc/a")]
    assert (hands.folder / "batch-1.hosts").read_text() == "b\n"
    assert heard(hands, ("a",)) == [("a", Result.CHANGED, "")]
    assert len(words(hands)) == 1, "nobody was left to be asked for"


def test_a_playbook_that_ends_early_is_an_error_and_no_verdict_on_hosts(
    hands: RealHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SILENT", "b")
    found: Heard = []
    with pytest.raises(ProvinceError, match="exit code 2 before 1 hosts had their turn: b") as caught:
        hands.apply(1, ("a", "b"), lambda *one: found.append(one))
    assert [host for host, *_ in found] == ["a"]
    assert "province apply --resume" in caught.value.hint
    assert "PLAY RECAP" in caught.value.message


def status(**more: Any) -> dict[str, Any]:
    applied = {"generation": 4, "time": "12:00", "controller": "lan@desk", "reason": f"why {mark('aaaaaa')}"}
    return {"applied": applied, "under_way": None, "put_back": {}, "differs": [], "foreign": [], **more}


def of(reason: str) -> dict[str, Any]:
    return {"applied": {"generation": 5, "time": "12:30", "controller": "an@desk", "reason": reason}}


@pytest.mark.parametrize(
    ("told", "back", "said"),
    [
        (status(**of("by hand")), Back.UNCHANGED, "12:30 by an@desk: by hand"),
        (status(**of(mark_of_return("aaaaaa"))), Back.BACK, "already"),
        (status(**of(mark("bbbbbb"))), Back.UNCHANGED, "run bbbbbb"),
        (status(applied={}), Back.UNCHANGED, "no change of this run"),
        (status(differs=["change /etc/motd"]), Back.LEFT, "somebody changed it since: change /etc/motd"),
        (status(under_way={"controller": "an@desk", "reason": "OPS-9"}), Back.LEFT, "under way: OPS-9"),
    ],
)
def test_a_host_whose_last_change_is_not_this_runs_stays(told: dict[str, Any], back: Back, said: str) -> None:
    found = nothing_to_take_back(told, "aaaaaa")
    assert found
    assert found[0] is back
    assert said in found[1]


@pytest.mark.parametrize(
    "told",
    [status(), status(differs=["start x.service"]), status(under_way={"controller": "x", "reason": mark("aaaaaa")})],
)
def test_a_host_whose_last_change_is_this_runs_goes_back(told: dict[str, Any]) -> None:
    """A unit that does not run any more may well be why."""
    assert nothing_to_take_back(told, "aaaaaa") is None


class Node:
    """A node that answers its verbs with these."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.asked = answers, list[dict[str, Any]]()

    def send(self, sent: bytes) -> str:
        body = json.loads(sent.decode().splitlines()[1])
        self.asked.append(body)
        answer = self.answers[body["verb"]]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    def renew(self) -> None: ...


BACK = {"changes": ["change /etc/a"], "armed": None, "to": 3}


@pytest.mark.parametrize(
    ("answers", "back"),
    [
        ({"status": status(), "rollback": BACK}, Back.BACK),
        ({"status": status(), "rollback": {"trouble": "no generation before this one"}}, Back.FAILED),
        ({"status": ConnectionError("No route to host")}, Back.UNREACHABLE),
        ({"status": status(**of("by hand"))}, Back.UNCHANGED),
    ],
)
def test_a_host_goes_back_by_its_own_rollback(hands: RealHands, answers: dict[str, Any], back: Back) -> None:
    node = Node(answers)
    hands.contact = lambda _, __: node
    found: list[tuple[str, Back, str]] = []
    hands.put_back(("a",), lambda *one: found.append(one))
    assert found[0][:2] == ("a", back)
    if back is Back.BACK:
        assert mark_of_return("aaaaaa") in node.asked[-1]["reason"]


def record(host: str, outcome: Outcome, message: str = "") -> Record:
    return Record(
        run="r", time=datetime(2026, 11, 26, tzinfo=UTC), host=host, test="ssh::root", subject="ssh", outcome=outcome,
        message=message, commit="c", verifier="v",
    )  # fmt: skip


def test_only_what_is_proven_is_ok() -> None:
    found = verdicts(
        [
            record("a", Outcome.PASS), record("a", Outcome.WAIVED),
            record("b", Outcome.PASS), record("b", Outcome.FAIL, "assert 'yes' == 'no'\nmore"),
            record("c", Outcome.UNREACHABLE), record("d", Outcome.UNKNOWN, "no such file"),
        ],
        "e.jsonl",
    )  # fmt: skip
    assert {host: seen.result for host, seen in found.items()} == {
        "a": Result.OK, "b": Result.FAILED, "c": Result.UNREACHABLE, "d": Result.FAILED,
    }  # fmt: skip
    assert found["b"].said == "ssh::root: assert 'yes' == 'no'"
    assert found["b"].evidence == "e.jsonl"


def test_verification_that_broke_is_an_error_and_no_verdict_on_hosts(
    hands: RealHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_hands, "verify", lambda *_, **__: VerifyResult({}, (), None, ExitCode.USAGE))
    with pytest.raises(ProvinceError, match="said nothing of a b"):
        hands.verify(1, ("a", "b"))


def test_a_request_is_heard_once_and_interrupts_a_soak(hands: RealHands) -> None:
    assert hands.soak(0)
    Request(hands.folder).put("pause", "an@desk")
    assert not hands.soak(60)
    assert hands.asked() == ("pause", "an@desk")
    assert hands.asked() is None
    assert not Request(hands.folder).there


@pytest.mark.parametrize("text", ["", "{", '{"wish": "dance", "who": "x"}', "[]"])
def test_what_is_no_request_is_thrown_away(hands: RealHands, text: str) -> None:
    Request(hands.folder).path.write_text(text, encoding="utf-8")
    assert hands.asked() is None
    assert not Request(hands.folder).there
