"""All hosts are asked at once; only one that says that it is as declared is left out, whatever the others do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from province.errors import ProvinceError
from province.ops import survey
from province.ops.node_talk import Wish
from province.ops.survey import Survey
from tests.unit.node_in_folder import HostInFolder, a_file, a_manifest, a_part, run, wanted

HOME: Any = import_module("province_node.bootstrap").HOME
entry: Any = import_module("province_node.entry")
generations: Any = import_module("province_node.generations")
journal: Any = import_module("province_node.journal")

COMMON = {"code": "c0de", "controller": "me", "reason": "", "time": 0.0, "confirm_seconds": 300, "check": True}
HOSTS = """\
import json, sys, time

name, command = sys.argv[1:]
assert command.startswith("sudo -n /usr/bin/python3 "), command
asked = json.loads(sys.stdin.read().splitlines()[1])
assert (asked["verb"], asked["check"]) == ("compare", True)
good = {"good": True, "changes": [], "foreign": ["/etc/cron.d/x"], "kept": ["package a"], "put_back": {}}
if name == "away":
    sys.exit(255)
if name == "hangs":
    time.sleep(60)
if name == "chatty":
    print("Welcome!")
if name == "new":
    print(json.dumps({"need": ["code"]}))
else:
    differs = name == "differs" or asked["digest"] != "d"
    print(json.dumps({**good, "good": not differs}))
"""


@pytest.fixture
def asked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    monkeypatch.setattr(survey, "ANSWER_SECONDS", 15.0)
    program = tmp_path / "hosts.py"
    program.write_text(HOSTS, encoding="utf-8")
    return Survey(lambda name: [sys.executable, str(program), name], at_a_time=4)


def test_only_hosts_that_say_so_are_left_out(asked_at_once: Survey) -> None:
    wishes = {name: Wish("d", dict) for name in ("good", "differs", "new", "away", "hangs", "chatty", "good-too")}
    wishes["other"] = Wish("another", dict)
    found = asked_at_once.ask(wishes.items())
    assert list(found.held) == ["good", "good-too"]
    assert found.held["good"].foreign == ["/etc/cron.d/x"]
    assert found.held["good"].notes == ["stays: package a"]
    assert found.lacks == {"new": ["code"]}


def test_a_wish_that_cannot_be_made_ends_it_all_and_nobody_is_waited_for(asked_at_once: Survey) -> None:
    def wishes() -> Iterator[tuple[str, Wish]]:
        yield "hangs", Wish("d", dict)
        raise ProvinceError("a template is wrong")

    begun = time.monotonic()
    with pytest.raises(ProvinceError, match="a template is wrong"):
        asked_at_once.ask(wishes())
    assert time.monotonic() - begun < survey.ANSWER_SECONDS


@pytest.fixture
def host(tmp_path: Path) -> HostInFolder:
    found = HostInFolder(tmp_path)
    current = found.path(f"{HOME}/current")
    current.parent.mkdir(parents=True)
    current.symlink_to(COMMON["code"])
    run(found, a_part(files={"/etc/a": a_file("declared\n")}))
    return found


def compared(host: HostInFolder, digest: str | None = None) -> Any:
    held = generations.current(host)
    return entry.answer({"verb": "compare", "digest": digest or wanted.digest(held), "only": []} | COMMON, host)


def test_a_host_that_is_as_declared_says_so_and_is_not_written_to(host: HostInFolder) -> None:
    before = host.tree()
    assert compared(host)["good"] is True
    assert host.tree() == before


def test_a_host_that_was_changed_by_hand_does_not(host: HostInFolder) -> None:
    host.write("/etc/a", "by hand\n")
    assert compared(host)["good"] is False


def test_a_host_that_shall_be_another_does_not(host: HostInFolder) -> None:
    assert compared(host, wanted.digest(a_manifest(a_part(files={}))))["good"] is False


def test_a_host_with_an_open_transaction_does_not(host: HostInFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "read", lambda _: object())
    assert compared(host)["good"] is False


def test_a_host_whose_boot_unit_runs_other_code_does_not(host: HostInFolder) -> None:
    current = host.path(f"{HOME}/current")
    current.unlink()
    assert compared(host)["good"] is False
    current.symlink_to("0ther")
    assert compared(host)["good"] is False
