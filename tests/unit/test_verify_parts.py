"""Selection, waivers, evidence and verdicts of verification, each by itself."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ExitCode, ProvinceError
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.verify.evidence import (
    End,
    Evidence,
    EvidenceFile,
    Record,
    Run,
    file_name,
    latest,
    read_evidence,
)
from province.verify.judgement import judge, shortened
from province.verify.marks import control, declared_words, fits
from province.verify.outcome import Outcome, worst
from province.verify.run import PYTEST_CODES
from province.verify.selection import select_hosts
from province.verify.session import ssh_config
from province.verify.waivers import Waiver, find_waiver, read_waivers

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


def waiver(**changes: object) -> Waiver:
    body: dict[str, object] = {
        "control": 62,
        "hosts": ["edge"],
        "reason": "r",
        "compensation": "c",
        "owner": "o",
        "expires": date(2026, 12, 1),
    }
    return Waiver.model_validate(body | changes)


def record(host: str, test: str, outcome: Outcome, after: int = 0) -> Record:
    return Record(
        run="r1",
        time=START + timedelta(seconds=after),
        host=host,
        test=test,
        subject="ssh",
        outcome=outcome,
        commit="c",
        verifier="v",
    )


def run_line() -> Run:
    return Run(run="r1", environment="lab", started=START, commit="c", verifier="v", hosts=("a",))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["phu-quoc"], {"phu-quoc-party", "phu-quoc-people"}),
        (["31078"], {"phu-quoc-party", "phu-quoc-people"}),
        (
            ["rach-gia,phu-quoc-party"],
            {"phu-quoc-party", *(f"rach-gia-{one}-1" for one in ("gateway", "services", "bastion", "control-plane"))},
        ),
        (["control-plane"], {"rach-gia-control-plane-1", "long-xuyen-control-plane-1"}),
    ],
)
def test_words_mean_hosts(lab: Fleet, words: list[str], expected: set[str]) -> None:
    assert {host.name for host in select_hosts(lab, words)} == expected


def test_no_word_means_all_and_a_wave_its_nodes(lab: Fleet) -> None:
    assert len(select_hosts(lab, [])) == len(lab.hosts)
    node = lab.hosts["phu-quoc-party"]
    assert node in select_hosts(lab, [f"wave:{node.wave}"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rach-gia-servces-1", "did you mean 'rach-gia-services-1'?"),
        ("tho-chau-people", "environment 'lab' does not run it"),
        ("wave:99", "means no host of environment 'lab'"),
    ],
)
def test_a_word_without_a_host_is_an_error_of_its_own(lab: Fleet, word: str, message: str) -> None:
    with pytest.raises(ProvinceError) as caught:
        select_hosts(lab, ["services", word])
    assert message in str(caught.value)
    assert caught.value.exit_code is ExitCode.NOTHING_SELECTED


def test_an_environment_without_hosts_cannot_be_verified(lab: Fleet) -> None:
    nothing = lab.environment.model_copy(update={"communes": ()})
    empty = dataclasses.replace(lab, environment=nothing, sites={})
    with pytest.raises(ProvinceError, match="has no hosts"):
        select_hosts(empty, [])


def test_marks_choose_hosts_by_class_duty_domain_and_forwarding(lab: Fleet) -> None:
    def chosen(*groups: tuple[str, ...]) -> set[str]:
        words = declared_words(groups, "here")
        return {host.name for host in lab.hosts.values() if fits(host, words)}

    assert chosen() == set(lab.hosts)
    assert chosen(("logs",)) == {"rach-gia-services-1", "long-xuyen-services-1"}
    assert chosen(("government",)) == {host.name for host in lab.hosts.values() if host.name.endswith("-people")}
    assert chosen(("gateway", "services"), ("forwards",)) == {"rach-gia-gateway-1", "long-xuyen-gateway-1"}
    with pytest.raises(ProvinceError, match="means no host"):
        chosen(("egde",))


def test_a_control_without_a_reason_is_refused() -> None:
    def silent() -> None: ...

    with pytest.raises(TypeError, match="write its docstring"):
        control(25)(silent)


def test_without_ssh_config_the_error_says_how_to_get_one(lab: Fleet, tmp_path: Path) -> None:
    with pytest.raises(ProvinceError) as caught:
        ssh_config(dataclasses.replace(lab, root=tmp_path))
    assert "province lab up" in str(caught.value)
    assert caught.value.exit_code is ExitCode.MACHINE


def test_a_waiver_holds_to_its_last_day_and_for_its_hosts_only(lab: Fleet) -> None:
    edge, services = lab.hosts["phu-quoc-party"], lab.hosts["rach-gia-services-1"]
    one = waiver()
    assert find_waiver([one], edge, "kernel::x", [62]) == one
    assert find_waiver([one], edge, "kernel::x", [63]) is None
    assert find_waiver([one], services, "kernel::x", [62]) is None
    assert judge(one, "seen", datetime(2026, 12, 1, tzinfo=UTC))[0] is Outcome.WAIVED
    outcome, message = judge(one, "seen", datetime(2026, 12, 2, tzinfo=UTC))
    assert outcome is Outcome.FAIL
    assert message.startswith("waiver expired on 2026-12-01 (owner: o)")
    assert judge(None, "seen", START) == (Outcome.FAIL, "seen")


def test_a_waiver_for_a_test_is_not_one_for_its_controls(lab: Fleet) -> None:
    one = waiver(control=None, test="kernel::audit", hosts=["all"])
    host = lab.hosts["rach-gia-gateway-1"]
    assert find_waiver([one], host, "kernel::audit", ()) == one
    assert find_waiver([one], host, "kernel::other", [62]) is None


def test_bad_waivers_are_findings_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yml"
    path.write_text(
        "- {control: 1, test: x, hosts: [edge], reason: r, compensation: c, owner: o, expires: 2026-01-01}\n"
        "- {contrl: 1}\n"
    )
    with pytest.raises(BadData) as caught:
        read_waivers(path, "inventories/lab/waivers.yml")
    text = str(caught.value)
    assert "inventories/lab/waivers.yml" in text
    assert "a waiver names either a control or a test" in text
    assert '1.contrl: unknown key; did you mean "control"?' in text


def test_evidence_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / file_name(START, "r1")
    assert path.name == "20261122T083000Z-r1.jsonl"
    file = EvidenceFile(path, run_line())
    file.add(record("a", "ssh::x", Outcome.FAIL))
    file.close(End(run="r1", time=START, checks=1, exit_code=1))
    evidence = read_evidence(path)
    assert evidence.complete
    assert evidence.records == (record("a", "ssh::x", Outcome.FAIL),)
    assert path.stat().st_mode & 0o007 == 0, "others see nothing"
    with pytest.raises(FileExistsError):
        EvidenceFile(path, run_line())


def test_a_killed_run_leaves_what_it_had_seen(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    file = EvidenceFile(path, run_line())
    file.add(record("a", "ssh::x", Outcome.PASS))
    with path.open("a") as cut:
        cut.write('{"kind":"check","run":"r1","ti')
    evidence = read_evidence(path)
    assert not evidence.complete
    assert len(evidence.records) == 1


@pytest.mark.parametrize(
    ("line", "where"),
    [('{"kind":"check","run":"r1"}\n', ":2: check.time"), ("nonsense\n", ":2: ")],
)
def test_edited_evidence_is_refused_with_its_line(tmp_path: Path, line: str, where: str) -> None:
    path = tmp_path / "edited.jsonl"
    path.write_text(run_line().model_dump_json() + "\n" + line)
    with pytest.raises(ProvinceError) as caught:
        read_evidence(path)
    assert f"edited.jsonl{where}" in str(caught.value)
    assert caught.value.exit_code is ExitCode.BAD_DATA


def filed(path: Path, after: int, *records: Record, whole: bool = True, cut: bool = False) -> Evidence:
    started = START + timedelta(seconds=after)
    file = EvidenceFile(path, run_line().model_copy(update={"started": started, "whole": whole}))
    for one in records:
        file.add(one)
    if not cut:
        file.close(End(run="r1", time=started, checks=file.checks, exit_code=0))
    return read_evidence(path)


def test_the_newest_record_of_a_check_counts(tmp_path: Path) -> None:
    first = filed(tmp_path / "1", 0, record("a", "x", Outcome.FAIL), record("a", "y", Outcome.PASS))
    second = filed(tmp_path / "2", 9, record("a", "x", Outcome.PASS, 9), whole=False)
    for order in ([first, second], [second, first]):
        found = latest(order)["a"]
        assert {test: one.outcome for test, one in found.items()} == {"x": Outcome.PASS, "y": Outcome.PASS}


def test_a_whole_run_replaces_what_was_before_but_only_when_it_ended(tmp_path: Path) -> None:
    before = filed(tmp_path / "1", 0, record("a", "renamed", Outcome.FAIL), record("b", "x", Outcome.PASS))
    whole = filed(tmp_path / "2", 9, record("a", "new", Outcome.PASS, 9))
    cut = filed(tmp_path / "3", 9, record("a", "new", Outcome.PASS, 9), cut=True)
    assert set(latest([before, whole])["a"]) == {"new"}
    assert set(latest([before, whole])["b"]) == {"x"}, "it did not look at this host"
    assert set(latest([before, cut])["a"]) == {"renamed", "new"}


def test_a_host_is_as_good_as_its_worst_check() -> None:
    assert worst([Outcome.PASS, Outcome.WAIVED, Outcome.UNREACHABLE]) is Outcome.UNREACHABLE
    assert worst([Outcome.UNREACHABLE, Outcome.FAIL]) is Outcome.FAIL
    assert worst([]) is Outcome.UNKNOWN, "nothing seen is never green"


def test_long_messages_are_cut_and_say_so() -> None:
    assert shortened("one\n") == "one"
    assert shortened("seen\n  Omitting 4 identical items, use -vv to show\n  Use -v to get more diff") == "seen"
    assert shortened("\n".join("line" for _ in range(99))).endswith(" …")


def test_process_codes_are_the_commands_codes() -> None:
    assert PYTEST_CODES[14] is ExitCode.UNREACHABLE
    assert PYTEST_CODES[16] is ExitCode.NOTHING_SELECTED
    assert PYTEST_CODES[4] is ExitCode.USAGE, "pytest's own wrong usage is not our unreachable"
