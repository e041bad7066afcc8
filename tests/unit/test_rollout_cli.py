"""`province apply`, `runs` and `why` as an operator calls them, over a world of hosts that is made up."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from province.cli import app
from province.cli import apply as apply_verb
from province.cli import runs as runs_verb
from province.errors import ExitCode, ProvinceError
from province.fleet.hosts import Host
from province.locking import Holder, hold
from province.manifest.capability import CHECKOUT
from province.manifest.rendering import Rendering
from province.ops.workplace import Workplace
from province.rollout import journal
from province.rollout.controller import Controller, all_runs, moved_since
from province.rollout.plan import Looked, Plan
from province.rollout.requests import Request

from .rollout_world import World, begun, conducted

WHY = ("--reason", "second time source", "--ticket", "OPS-114")
NODES = ("phu-quoc-party", "phu-quoc-people")


@dataclass
class Desk:
    """An operator's desk: what the hosts are like, where the runs lie, and how a verb is called."""

    runs: Path
    world: World = field(default_factory=World)
    lost: dict[str, str] = field(default_factory=dict)
    digest: str = "d" * 64

    def plan(self, _: Any, hosts: Sequence[Host], *__: Any) -> Plan:
        """What the hosts would say."""
        return Plan(tuple(self._looked(host.name) for host in hosts))

    def _looked(self, name: str) -> Looked:
        changes = () if name in self.world.new or name in self.lost else ("change /etc/chrony/chrony.conf",)
        return Looked(name, self.digest, changes, lost=self.lost.get(name, ""))

    def __call__(self, *words: str, typed: str = "") -> tuple[int, str]:
        """The exit code of a verb, and what it printed or was refused with."""
        done = CliRunner().invoke(app, list(words), input=typed)
        if isinstance(done.exception, ProvinceError):
            return int(done.exception.exit_code), str(done.exception)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path / ".province" / "lab" / "runs")
    monkeypatch.setattr(Workplace, "of", lambda *_: Workplace(tmp_path, "lab"))
    controller = partial(Controller, hands=lambda *_: made.world)
    for verb in (apply_verb, runs_verb):
        monkeypatch.setattr(verb, "Controller", controller)
    monkeypatch.setattr(apply_verb, "load_trust", lambda _: None)
    monkeypatch.setattr(apply_verb, "Builder", lambda fleet, _: Manifests(fleet, made))
    monkeypatch.setattr(Rendering, "of", lambda *_: None)
    monkeypatch.setattr(apply_verb, "make_plan", made.plan)
    return made


@dataclass
class Manifests:
    """A builder of which only digests are asked."""

    fleet: Any
    desk: Desk

    def build(self, *_: Any, **__: Any) -> Any:
        return Looked("", self.desk.digest)


def test_nothing_is_touched_until_the_number_of_hosts_is_said(desk: Desk) -> None:
    code, said = desk("apply", *NODES, *WHY)
    assert code == ExitCode.USAGE
    assert "2 hosts would change, and nobody is there to be asked; nothing was changed" in said
    assert "--yes-hosts 2" in said
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "3")
    assert (code, desk.world.changed) == (ExitCode.USAGE, {})
    assert "2 hosts would change, not 3" in said
    assert all_runs(desk.runs) == []


@pytest.mark.parametrize("typed", ["2", " 2 "])
def test_on_a_terminal_the_number_is_typed(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    somebody_types(monkeypatch, typed)
    apply_verb.confirm(2, None)


@pytest.mark.parametrize("typed", ["yes", "", "3", "-2"])
def test_anything_but_the_number_is_no(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    somebody_types(monkeypatch, typed)
    with pytest.raises(ProvinceError, match="nothing was changed"):
        apply_verb.confirm(2, None)


def somebody_types(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("typer.prompt", lambda *_, **__: typed)


def test_a_reason_is_asked_for(desk: Desk) -> None:
    code, said = desk("apply", *NODES, "--yes-hosts", "2")
    assert code == ExitCode.USAGE
    assert "--reason" in said


def test_check_changes_nothing_and_keeps_no_journal(desk: Desk) -> None:
    code, said = desk("apply", *NODES, "--check")
    assert code == 0
    assert "2 hosts the same: phu-quoc-party phu-quoc-people" in said
    told = json.loads(desk("apply", *NODES, "--check", "--json")[1])
    assert told["groups"][0]["hosts"] == list(NODES)
    assert not desk.runs.exists()


def test_a_run_changes_what_differs_and_a_second_one_nothing(desk: Desk) -> None:
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "2", "--soak", "0")
    assert code == 0
    assert "batch 1/2  canary           1   changed 1   verified 1" in said
    assert "done; 2 as declared" in said
    code, said = desk("apply", *NODES, *WHY)
    assert code == 0
    assert "2 as declared   0 differ" in said
    assert set(desk.world.changed.values()) == {1}
    first, second = all_runs(desk.runs)
    assert (first.begun.ticket, first.begun.batches[0].soak_seconds) == ("OPS-114", 0)
    assert second.begun.batches == ()


def test_hosts_that_did_not_answer_are_split_off_and_wait(desk: Desk) -> None:
    desk.lost = {NODES[1]: "No route to host"}
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "1")
    assert code == ExitCode.UNREACHABLE
    assert f"unreachable  {NODES[1]}: could not be asked: No route to host" in said
    desk.lost = {}
    code, said = desk("apply", "--pending", *WHY, "--yes-hosts", "1")
    assert code == 0
    assert desk.world.changed == dict.fromkeys(NODES, 1)
    assert desk("apply", "--pending", *WHY)[0] == ExitCode.NOTHING_SELECTED


def test_a_bad_canary_goes_back_and_the_exit_code_says_failed(desk: Desk) -> None:
    desk.world.bad = set(NODES)
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "2", "--json")
    told = json.loads(said)
    assert (code, told["state"]) == (ExitCode.FAILED, "failed")
    assert desk.world.new == set()
    assert told["counts"] == {"went back": 1, "untouched": 1}


def test_a_second_controller_is_refused_and_learns_who_is_at_work(desk: Desk) -> None:
    holder = Holder(who="lan@desk", host=socket.gethostname(), pid=os.getpid(), since=datetime.now(UTC), what="OPS-1")
    with hold(desk.runs / "lock", holder):
        code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert "another controller is at work: lan@desk" in said
    assert desk.world.changed == {}


def test_a_paused_run_is_in_the_way_until_it_is_resumed(desk: Desk) -> None:
    desk.world.wishes = [(4, "pause")]
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    assert (code, "paused; `province apply --resume` goes on" in said) == (0, True)
    code, said = desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert "is paused; nothing was changed" in said
    assert desk("apply", "--resume", "--only", "time")[0] == ExitCode.USAGE
    assert desk("apply", "--resume")[0] == 0
    assert desk.world.changed == dict.fromkeys(NODES, 1)
    assert desk("apply", "--resume")[0] == ExitCode.NOTHING_SELECTED


def test_a_run_is_not_resumed_when_the_model_wants_something_else_by_now(desk: Desk) -> None:
    desk.world.wishes = [(0, "pause")]
    desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    desk.digest = "e" * 64
    code, said = desk("apply", "--resume")
    assert code == ExitCode.FAILED
    assert "the model changed since run" in said
    assert desk.world.changed == {}


def test_hosts_whose_batch_is_over_may_have_another_model(desk: Desk, fleet: Any) -> None:
    run = conducted(begun(NODES), World())
    assert moved_since(run, Manifests(fleet, Desk(desk.runs, digest="e" * 64))) == []  # type: ignore[arg-type]


def test_abort_ends_a_run_that_nobody_conducts_and_takes_back_what_is_not_proven(desk: Desk) -> None:
    desk.world.wishes = [(3, "pause")]
    desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    assert len(desk.world.new) == 1
    assert "nobody conducts run" in desk("runs", "pause")[1]
    (folder,) = journal.folders(desk.runs)
    real_ask(desk, folder)
    code, said = desk("runs", "abort")
    assert (code, "aborted: somebody ended it" in said) == (ExitCode.FAILED, True)
    assert desk.world.new == set()
    assert desk("runs", "abort")[0] == ExitCode.USAGE


def real_ask(desk: Desk, folder: Path) -> None:
    """The made-up hands ask the request file, as the real ones do."""
    request = Request(folder)
    desk.world.asked = request.take  # type: ignore[method-assign]


def test_a_controller_at_work_is_asked_by_a_file(desk: Desk) -> None:
    desk.world.wishes = [(0, "pause")]
    desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    (folder,) = journal.folders(desk.runs)
    with hold(desk.runs / "lock", Holder.this_process("OPS-1")):
        assert "asked; its controller will abort" in desk("runs", "abort")[1]
    assert Request(folder).take() is not None


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (OSError(28, "No space left on device", "j.jsonl"), "j.jsonl: No space left"),
    ],
)
def test_a_controller_that_cannot_go_on_says_how_another_one_can(desk: Desk, trouble: BaseException, said: str) -> None:
    def broken(*_: Any) -> None:
        raise trouble

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(desk.world, "apply", broken)
        code, told = desk("apply", *NODES, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert said in told
    assert "province apply --resume goes on" in told
    assert desk("apply", "--resume")[0] == 0


def test_history_tells_what_happened(desk: Desk) -> None:
    assert desk("runs") == (0, "no run of lab yet\n")
    desk("apply", NODES[0], *WHY, "--yes-hosts", "1")
    desk("apply", NODES[0], *WHY)
    second, first = [line.split()[0] for line in desk("runs")[1].splitlines()]
    assert "batch 1/1  canary           1   changed 1   verified 1" in desk("runs", "show", first)[1]
    assert json.loads(desk("runs", "show", "--json")[1])["run"] == second
    assert [run["run"] for run in json.loads(desk("runs", "--json")[1])] == [second, first]
    assert desk("runs", "diff", first, second) == (0, "no difference\n")
    assert desk("runs", "show", "nothing")[0] == ExitCode.NOTHING_SELECTED
    told = json.loads(desk("why", "phu-quoc", "--json")[1])
    assert told[NODES[0]][0].startswith(f"{NODES[0]}: as declared, by run {second}")
    assert told[NODES[1]] == [f"{NODES[1]}: no run was about it"]


def test_a_controller_that_was_killed_is_told_of(desk: Desk) -> None:
    desk.runs.mkdir(parents=True)
    dead = Holder(who="lan@desk", host="desk", pid=1, since=datetime.now(UTC), what="OPS-1")
    (desk.runs / "lock").write_text(dead.model_dump_json(), encoding="utf-8")
    assert "the controller before this one was killed: lan@desk" in desk("apply", NODES[0], *WHY, "--yes-hosts", "1")[1]


def test_every_command_of_the_runbook_is_understood() -> None:
    """Words, verbs and options; nothing is carried out."""
    text = (CHECKOUT / "docs" / "runbooks" / "roll-out.md").read_text(encoding="utf-8")
    named = [shlex.split(one)[1:] for one in re.findall(r"`(province (?:apply|runs|why)[^`]*)`", text)]
    assert len(named) > 12
    for words in named:
        command: Any = get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        command.make_context("province", list(words), resilient_parsing=False)
