"""A run in two processes: everything is filed and reported once, and a process that dies is no success."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from province.verify.outcome import Outcome

from .verify_place import Place, make

HALVES = """
import os
import pytest
from province.verify.transport import Unreachable

@pytest.mark.parametrize("word", ["yes", "no"])
def test_variants(host, word):
    assert host.check_output("echo yes") == word

def test_the_host_falls_silent(host, node):
    if node.name == os.environ.get("SILENCED"):
        raise Unreachable(node.name, "client_loop")
    if node.name == os.environ.get("ENDED"):
        os._exit(5)

def test_zz_after_it(host):
    assert host.check_output("echo after") == "after"
"""
TWO = ("--select", "phu-quoc,rach-gia-gateway-1,rach-gia-services-1", "--second-process-from", "2")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path)


def test_two_processes_file_and_report_together(place: Place) -> None:
    done = place.run(HALVES, *TWO)
    hosts = ("phu-quoc-party", "phu-quoc-people", "rach-gia-gateway-1", "rach-gia-services-1")
    ends = {
        "test_variants[yes]": Outcome.PASS,
        "test_variants[no]": Outcome.FAIL,
        "test_the_host_falls_silent": Outcome.PASS,
        "test_zz_after_it": Outcome.PASS,
    }
    checks = [one for one in place.evidence.records if one.subject != "transport"]
    assert {(one.host, one.test.partition("::")[2]): one.outcome for one in checks} == {
        (host, test): outcome for host in hosts for test, outcome in ends.items()
    }
    assert place.evidence.complete
    assert done.returncode == 1
    assert f"{len(place.evidence.records)} checks" in done.stdout
    assert all(re.search(rf"FAILED tests/test_scenario.py::test_variants.*{host}", done.stdout) for host in hosts)
    told = json.loads((place.root / "commands.json").read_text(encoding="utf-8"))
    assert {host: set(asked) for host, asked in told.items()} == {key: {"echo yes", "echo after"} for key in hosts}


@pytest.mark.parametrize("host", ["phu-quoc-people", "rach-gia-services-1"])
def test_a_host_that_falls_silent_in_either_process_is_unreachable(
    place: Place, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("SILENCED", host)
    done = place.run(HALVES, *TWO)
    assert f"unreachable  {host}: client_loop" in done.stdout
    assert place.outcomes()[host, "test_zz_after_it"] is Outcome.UNREACHABLE


def test_half_of_the_hosts_that_were_not_verified_are_no_success(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDED", "rach-gia-services-1")
    done = place.run(HALVES, *TWO, "-k", "silent")
    assert done.returncode == 3
    assert "the second process, which checked half of the hosts: it ended with 5" in done.stdout + done.stderr
    assert place.evidence.end is not None
    assert place.evidence.end.exit_code == 3
