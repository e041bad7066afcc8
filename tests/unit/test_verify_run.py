"""A verification run as a process: what it says, files and returns when hosts answer, fail, fall silent."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from province.verify.ledger import read_ledger
from province.verify.outcome import Outcome

from .verify_place import Place, make

PASSES = '''
from province.verify.marks import control

@control(25)
def test_passes(host):
    """Administrators act under their own name."""
    assert host.check_output("echo yes") == "yes"
'''


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make(tmp_path)


def test_every_outcome_has_its_own_place(place: Place) -> None:
    place.silent = ["long-xuyen-services-1"]
    done = place.run(
        '''
import pytest
from province.verify.marks import control

pytestmark = pytest.mark.hosts("services", "gateway")

@pytest.mark.parametrize("word", ["other", "yes"])
def test_variants(host, word):
    assert host.check_output("echo yes") == word

@control(25)
def test_passes(host):
    """Administrators act under their own name."""
    assert host.check_output("echo yes") == "yes"

@control(62)
def test_waived(host):
    """Audit is on."""
    assert host.check_output("echo off") == "on"

def test_leave_that_ran_out(host):
    assert host.check_output("echo off") == "on"

@pytest.fixture
def broken(host):
    return host.check_output("exit 3")

def test_fact_that_cannot_be_read(broken):
    assert broken

@pytest.mark.hosts("gateway")
def test_the_host_falls_silent(host, node):
    host.run("test %s = rach-gia-gateway-1 && touch $STATE/%s.lost", node.name, node.name)
    assert host.run("true").rc == 0

def test_zz_after_it(host):
    assert host.run("true").rc == 0
''',
        "--select",
        "rach-gia,long-xuyen-services-1",
    )
    seen = place.outcomes()
    services, gateway = "rach-gia-services-1", "rach-gia-gateway-1"
    assert {name: seen[services, name] for name in ("test_passes", "test_waived", "test_zz_after_it")} == {
        "test_passes": Outcome.PASS,
        "test_waived": Outcome.WAIVED,
        "test_zz_after_it": Outcome.PASS,
    }
    assert seen[services, "test_variants[other]"] is Outcome.FAIL, "the second variant must not hide the first"
    assert seen[services, "test_variants[yes]"] is Outcome.PASS
    assert seen[services, "test_leave_that_ran_out"] is Outcome.FAIL
    assert seen[services, "test_fact_that_cannot_be_read"] is Outcome.UNKNOWN
    assert seen[gateway, "test_waived"] is Outcome.FAIL, "the waiver is for services hosts only"
    assert seen[gateway, "test_the_host_falls_silent"] is Outcome.UNREACHABLE
    assert seen[gateway, "test_zz_after_it"] is Outcome.UNREACHABLE
    silent = {outcome for (host, _), outcome in seen.items() if host == "long-xuyen-services-1"}
    assert silent == {Outcome.UNREACHABLE}
    assert not any(host == "rach-gia-control-plane-1" for host, _ in seen), "its class was not asked for"
    assert done.returncode == 1
    assert "unreachable  long-xuyen-services-1: ssh: connect to host" in done.stdout
    assert "unreachable  rach-gia-gateway-1: client_loop" in done.stdout
    assert "waiver expired on 2020-01-01" in " ".join(one.message for one in place.evidence.records)
    assert place.evidence.complete


def test_all_green_is_zero_and_filed(place: Place) -> None:
    done = place.run(PASSES, "--select", "phu-quoc", "--select", "rach-gia-services-1")
    assert done.returncode == 0, done.stdout
    evidence = place.evidence
    checks = [one for one in evidence.records if one.subject != "transport"]
    assert [one.host for one in checks] == ["phu-quoc-party", "phu-quoc-people", "rach-gia-services-1"]
    first = checks[0]
    assert (first.commune, first.body, first.controls, first.outcome) == ("31078", "party", (25,), Outcome.PASS)
    assert first.title == "Administrators act under their own name."
    assert first.boot
    assert first.verifier
    assert evidence.end is not None
    assert evidence.end.checks == len(evidence.records) == 3 + 2, "one host of each class is asked a second time"
    assert evidence.run.whole
    assert (first.seen, first.expected) == ("yes", "yes")
    assert first.commands == sha256(b"echo yes").hexdigest()
    (entry,) = read_ledger(place.root / "evidence")
    assert entry.entry.run == evidence.run.run
    assert f"ledger       {entry.chain}" in done.stdout
    assert "signed by    nobody" in done.stdout, "the stand-in's configuration has no certificate"


@pytest.mark.parametrize("chosen", [("-k", "passes"), ("-m", "control")])
def test_unreachable_alone_has_its_own_exit_code_and_is_never_green(place: Place, chosen: tuple[str, str]) -> None:
    place.silent = ["rach-gia-services-1"]
    done = place.run(PASSES, "--select", "services", *chosen)
    assert done.returncode == 14
    assert not place.evidence.run.whole, "tests were chosen"
    assert re.search(r"\d passed, \d unreachable", done.stdout), done.stdout
    assert "--select rach-gia-services-1" in done.stdout
    assert place.outcomes()["rach-gia-services-1", "test_passes"] is Outcome.UNREACHABLE


def test_a_fact_that_cannot_be_read_is_neither_failed_nor_green(place: Place) -> None:
    done = place.run(
        """
import pytest

@pytest.fixture(scope="session")
def fact(host):
    return host.check_output("echo 3")

def test_value(fact):
    assert int(fact) <= 4
    assert fact

@pytest.fixture
def broken(host):
    return host.check_output("exit 3")

def test_again(fact, broken):
    assert broken
""",
        "--select",
        "rach-gia-services-1",
    )
    assert done.returncode == 18, done.stdout
    by_test = {one.test.partition("::")[2]: one for one in place.evidence.records}
    assert by_test["test_again"].outcome is Outcome.UNKNOWN
    value = by_test["test_value"]
    assert (value.seen, value.expected) == ("3\n'3'", "<= 4\nfact")
    assert value.commands == sha256(b"echo 3").hexdigest()
    assert by_test["test_again"].commands == sha256(b"echo 3\nexit 3").hexdigest(), "a fact that was read before counts"


def test_no_host_is_a_failure_that_says_why(place: Place) -> None:
    done = place.run(PASSES, "--select", "rach-gia-servces-1")
    assert done.returncode == 16
    assert "did you mean 'rach-gia-services-1'?" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_no_test_is_a_failure_that_says_why(place: Place) -> None:
    only_edge = PASSES.replace("@control", '@__import__("pytest").mark.hosts("edge")\n@control')
    done = place.run(only_edge, "--select", "services")
    assert done.returncode == 16
    assert "no test applies to the 2 selected hosts: nothing was verified" in done.stdout


def test_the_machine_itself_is_never_taken_for_a_host(place: Place) -> None:
    done = place.run(PASSES, "-p", "province.verify.plugin")
    assert done.returncode == 2
    assert "not a host of the fleet" in done.stdout


def test_one_host_of_a_class_is_asked_command_by_command_and_none_at_the_second_run(place: Place) -> None:
    told = re.compile(r"(\d) answers of 2 hosts, each in one round trip, in .* s, (\d) commands asked by themselves")
    first = told.search(place.run(PASSES, "--select", "phu-quoc").stdout)
    assert first
    assert first.groups() == ("1", "1")
    second = told.search(place.run(PASSES, "--select", "phu-quoc", "--evidence", str(place.root / "again")).stdout)
    assert second
    assert second.groups() == ("2", "0")


def test_a_check_that_ends_otherwise_when_the_host_is_asked_again_is_a_failure_of_its_own(place: Place) -> None:
    once = PASSES.replace("echo yes", "test -e $STATE/seen && echo no || { touch $STATE/seen; echo yes; }")
    done = place.run(once, "--select", "phu-quoc-party")
    assert done.returncode == 1
    (record,) = [one for one in place.evidence.records if one.subject == "transport"]
    assert (record.test, record.outcome) == ("transport::scenario::test_passes", Outcome.FAIL)
    assert record.message.startswith("pass by what was gathered, fail by what the host says when it is asked again")


def test_a_host_that_was_started_again_while_it_was_looked_at_is_a_failure(place: Place) -> None:
    again = PASSES.replace("echo yes", "echo another > $STATE/phu-quoc-party.boot; echo yes")
    assert place.run(again, "--select", "phu-quoc-party").returncode == 1
    (record,) = [one for one in place.evidence.records if one.subject == "transport"]
    assert (record.outcome, record.message) == (Outcome.FAIL, "the host was started again since it was asked")


def test_this_machine_is_verified_as_the_one_host_that_is_named(place: Place) -> None:
    done = place.run(PASSES, "--transport", "local", "--select", "phu-quoc-party")
    assert done.returncode == 0, done.stdout
    assert place.outcomes() == {("phu-quoc-party", "test_passes"): Outcome.PASS}
    assert (
        "this machine is one host, and 2 were selected"
        in place.run(PASSES, "--transport", "local", "--select", "phu-quoc").stderr
    )
