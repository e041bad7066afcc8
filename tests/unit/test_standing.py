"""How hosts stand by their evidence, what differs between runs, and what may be let go."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.verify.difference import compare
from province.verify.evidence import End, Evidence, Record, Run
from province.verify.ledger import Sealed
from province.verify.outcome import Outcome, exit_code_of
from province.verify.retention import overdue
from province.verify.standing import State, stand
from province.verify.standing import exit_code_of as code_of_hosts

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


def record(host: str, test: str, outcome: Outcome, seen: str = "no") -> Record:
    return Record(
        run="r1",
        time=START,
        host=host,
        test=test,
        subject="ssh",
        outcome=outcome,
        seen=seen,
        expected="no",
        commit="c",
        verifier="v",
    )


def evidence(hosts: tuple[str, ...], *records: Record) -> Evidence:
    run = Run(run="r1", environment="lab", started=START, commit="c", verifier="v", hosts=hosts)
    end = End(run="r1", time=START, checks=len(records), exit_code=0)
    return Evidence(Path("x.jsonl"), run, records, end)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.NOTHING_SELECTED),
        ([Outcome.PASS, Outcome.WAIVED], ExitCode.OK),
        ([Outcome.PASS, Outcome.UNREACHABLE], ExitCode.UNREACHABLE),
        ([Outcome.UNKNOWN, Outcome.UNREACHABLE], ExitCode.UNKNOWN),
        ([Outcome.FAIL, Outcome.UNKNOWN, Outcome.UNREACHABLE], ExitCode.FAILED),
    ],
)
def test_every_end_has_a_code_of_its_own(outcomes: list[Outcome], code: ExitCode) -> None:
    assert exit_code_of(Counter(outcomes)) is code


@pytest.mark.parametrize(
    ("outcome", "hours", "state", "code"),
    [
        (Outcome.PASS, 1, State.PASS, ExitCode.OK),
        (Outcome.WAIVED, 1, State.WAIVED, ExitCode.OK),
        (Outcome.PASS, 27, State.STALE, ExitCode.STALE),
        (Outcome.WAIVED, 27, State.STALE, ExitCode.STALE),
        (Outcome.FAIL, 27, State.FAIL, ExitCode.FAILED),
        (Outcome.UNREACHABLE, 1, State.UNREACHABLE, ExitCode.UNREACHABLE),
        (Outcome.UNKNOWN, 1, State.UNKNOWN, ExitCode.UNKNOWN),
        (None, 1, State.NO_EVIDENCE, ExitCode.NOTHING_SELECTED),
    ],
)
def test_old_evidence_is_never_green(
    lab: Fleet, outcome: Outcome | None, hours: int, state: State, code: ExitCode
) -> None:
    names = tuple(lab.hosts)
    records = [record(name, "ssh::x", outcome if name == names[0] else Outcome.PASS) for name in names[:1] if outcome]
    others = [record(name, "ssh::x", Outcome.PASS) for name in names[1:]]
    now = START + timedelta(hours=hours)
    found = stand(lab, [evidence(names, *records, *others)], now)
    assert found[names[0]].state is state
    assert code_of_hosts(found) is code


def test_what_differs_between_two_runs() -> None:
    before = evidence(
        ("a", "b"),
        record("a", "turned", Outcome.PASS),
        record("a", "mended", Outcome.FAIL),
        record("a", "fell-silent", Outcome.PASS),
        record("a", "moved", Outcome.PASS, "1"),
        record("a", "went", Outcome.PASS),
        record("a", "same", Outcome.PASS),
        record("a", "leave", Outcome.WAIVED),
        record("b", "of a host the other run was not about", Outcome.FAIL),
    )
    after = evidence(
        ("a",),
        record("a", "turned", Outcome.FAIL),
        record("a", "mended", Outcome.PASS),
        record("a", "fell-silent", Outcome.UNREACHABLE),
        record("a", "moved", Outcome.PASS, "2"),
        record("a", "came", Outcome.PASS),
        record("a", "same", Outcome.PASS),
        record("a", "leave", Outcome.FAIL),
    )
    assert {one.test: one.change for one in compare(before, after)} == {
        "turned": "worse",
        "mended": "better",
        "fell-silent": "other",
        "moved": "value",
        "went": "gone",
        "came": "new",
        "leave": "worse",
    }


def sealed(run: str, started: datetime, retention: str) -> Sealed:
    return Sealed(
        number=1,
        time=started,
        signer="ops",
        run=run,
        file=f"{run}.jsonl",
        sha256="0" * 64,
        lines=3,
        checks=1,
        head="0" * 64,
        started=started,
        retention=retention,
    )


def test_what_may_be_let_go() -> None:
    long_ago = datetime(2025, 1, 31, tzinfo=UTC)
    runs = [
        sealed("old", long_ago, "routine"),
        sealed("filed", long_ago, "acceptance"),
        sealed("unheard-of", long_ago, "poetry"),
        sealed("younger", datetime(2025, 2, 2, tzinfo=UTC), "routine"),
    ]
    months = {"routine": 13, "acceptance": 60}
    newest = sealed("newest", datetime(2025, 3, 1, tzinfo=UTC), "routine")

    def due(now: datetime) -> list[str]:
        return [run.run for run in overdue([*runs, newest], months, now)]

    assert due(datetime(2026, 2, 28, tzinfo=UTC)) == []
    assert due(datetime(2026, 3, 1, tzinfo=UTC)) == ["old"], "31 January and 13 months is the first of March"
    assert due(datetime(2026, 3, 2, tzinfo=UTC)) == ["old", "younger"]
    assert due(datetime(2040, 1, 1, tzinfo=UTC)) == ["old", "filed", "younger"], "the newest run always stays"
