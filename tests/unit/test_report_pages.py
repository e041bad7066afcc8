"""Pages of controls, places and layers, and the exports: what they claim follows from evidence and never exceeds it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from trestle.oscal.assessment_results import AssessmentResults

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.work_record import WorkRecord
from province.verify.evidence import End, Evidence, Record, Run
from province.verify.ledger import Sealed, Written
from province.verify.outcome import Outcome
from province.verify.pages.by_control import Controls, state_of_work
from province.verify.pages.by_place import certificates, site_pages, system_pages
from province.verify.pages.exports import as_csv, as_junit
from province.verify.pages.layers import LOG_ARRIVES, layers_page
from province.verify.pages.map import draw
from province.verify.pages.oscal import as_oscal
from province.verify.pages.table import Page
from province.verify.pages.view import Report
from province.verify.standing import State

START = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
COMMUNE = "31078"
PARTY, PEOPLE = "phu-quoc-party", "phu-quoc-people"


@pytest.fixture(scope="module")
def lab() -> Fleet:
    return load_fleet("lab")


def record(host: str, outcome: Outcome = Outcome.PASS, control: int = 25, **changes: object) -> Record:
    body: dict[str, object] = {
        "run": "r1",
        "time": START,
        "host": host,
        "test": f"ssh::control_{control}",
        "subject": "ssh",
        "controls": (control,),
        "outcome": outcome,
        "seen": "no",
        "expected": "no",
        "message": "" if outcome is Outcome.PASS else "assert 'yes' == 'no'\x00",
        "manifest": "a" * 64,
        "plan": "a" * 64,
        "commit": "c",
        "verifier": "v",
    }
    return Record.model_validate(body | changes)


def evidence(*records: Record, whole: bool = True, end: bool = True) -> Evidence:
    hosts = tuple(dict.fromkeys(one.host for one in records))
    run = Run(run="r1", environment="lab", started=START, commit="c", verifier="v", hosts=hosts, whole=whole)
    last = End(run="r1", time=START, checks=len(records), exit_code=0)
    return Evidence(Path("r1.jsonl"), run, records, last if end else None)


def sealed(signer: str = "ops") -> tuple[Written, ...]:
    entry = Sealed(
        number=1,
        time=START,
        signer=signer,
        run="r1",
        file="r1.jsonl",
        sha256="d" * 64,
        lines=3,
        checks=1,
        head="e" * 64,
        started=START,
        retention="routine",
    )
    return (Written(1, entry, "f" * 64, "signature"),)


def report(
    lab: Fleet, *records: Record, after: timedelta = timedelta(hours=2), signer: str = "ops", whole: bool = True
) -> Report:
    return Report(lab, [evidence(*records, whole=whole)], "en", START + after, sealed(signer))


def certificate(found: Report, code: str = COMMUNE) -> Page:
    return next(page for page in certificates(found) if page.path == f"communes/{code}.html")


def facts(page: Page) -> dict[str, str]:
    return dict(page.facts)


def test_a_commune_is_accepted_when_both_nodes_were_tested_in_full(lab: Fleet) -> None:
    page = certificate(report(lab, record(PARTY), record(PEOPLE, Outcome.WAIVED)))
    assert (facts(page)["Verdict"], page.warnings) == ("Accepted", ())
    assert len(page.signatures) == 3
    assert page.tables[1].rows[0][0].text == PEOPLE, "what was waived is listed"


Make = Callable[[Fleet], Report]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda lab: report(lab, record(PARTY), record(PEOPLE, Outcome.FAIL)), "fail"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE, Outcome.UNREACHABLE)), "unreachable"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE, Outcome.UNKNOWN)), "unknown"),
        (lambda lab: report(lab, record(PARTY)), "no evidence"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE), after=timedelta(hours=27)), "too old"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE), signer=""), "not sealed and signed"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE), whole=False), "no run of every check"),
        (lambda lab: report(lab, record(PARTY), record(PEOPLE, plan="b" * 64)), "not what the model wants"),
        (lambda lab: Report(lab, [evidence(record(PARTY), record(PEOPLE))], "en", START), "not sealed and signed"),
        (
            lambda lab: Report(lab, [evidence(record(PARTY), record(PEOPLE), end=False)], "en", START, sealed()),
            "no run of every check",
        ),
    ],
)
def test_a_commune_is_not_accepted(lab: Fleet, make: Make, why: str) -> None:
    page = certificate(make(lab))
    assert facts(page)["Verdict"] == "Not accepted"
    assert page.signatures == ()
    assert why in " ".join(page.warnings)


def test_a_commune_that_the_environment_does_not_run_is_not_accepted(lab: Fleet) -> None:
    page = certificate(report(lab, record(PARTY)), "31105")
    assert page.warnings == (
        "Not accepted. tho-chau-party: not in this environment",
        "Not accepted. tho-chau-people: not in this environment",
    )


def test_who_fails_a_control_and_that_one_silent_host_is_enough_not_to_pass(lab: Fleet) -> None:
    every = [record(name) for name in lab.hosts]
    assert Controls(report(lab, *every)).standings[25].state is State.PASS
    assert Controls(report(lab, *every[1:])).standings[25].state is State.NO_EVIDENCE
    worst = [record(PARTY, Outcome.FAIL), *(one for one in every if one.host != PARTY)]
    controls = Controls(report(lab, *worst))
    assert controls.standings[25].state is State.FAIL
    page = next(page for page in controls.pages() if page.path == "controls/25.html")
    first = page.tables[0].rows[0]
    assert (first[0].state, first[1].text) == (State.FAIL, PARTY)
    assert "assert 'yes' == 'no'" in first[4].text
    assert facts(page)["TCVN 14423:2026"] == ", ".join(lab.controls[25].tcvn_14423)


def test_a_control_that_no_host_can_tell_has_no_evidence(lab: Fleet) -> None:
    controls = Controls(report(lab, *(record(name) for name in lab.hosts)))
    assert controls.standings[85].state is State.NO_EVIDENCE
    page = next(page for page in controls.pages() if page.path == "controls/85.html")
    assert [row[4].text for row in page.tables[1].rows] == ["no record yet"]
    page = next(page for page in controls.pages() if page.path == "controls/79.html")
    assert page.warnings == ("What follows cannot be told from hosts and has no evidence here: cluster objects",)


def test_a_record_of_work_counts_while_it_is_young_good_and_the_file_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "drill.log").write_bytes(b"restored in 11 minutes\n")
    digest = sha256(b"restored in 11 minutes\n").hexdigest()
    today = date(2026, 11, 22)

    def state(**changes: object) -> State:
        done = {"on": today - timedelta(days=30), "by": "Lan", "passed": True, "kept_in": "drill.log", "sha256": digest}
        body = {
            "id": "drill",
            "control": 85,
            "name": {"vi": "d", "en": "d"},
            "owner": "o",
            "every_days": 31,
            "source": "A",
        }
        return state_of_work(WorkRecord.model_validate(body | {"done": done | changes}), tmp_path, today)

    assert state() is State.PASS
    assert state(on=today - timedelta(days=32)) is State.STALE
    assert state(passed=False) is State.FAIL
    assert state(kept_in="other.log") is State.FAIL
    assert state(sha256="0" * 64) is State.FAIL, "the file is not the one that was filed"
    with pytest.raises(ValueError, match="inside this repository"):
        state(kept_in="../drill.log")


def test_the_annex_has_every_control_under_each_of_its_clauses(lab: Fleet) -> None:
    controls = Controls(report(lab, record(PARTY)))
    page = next(page for page in controls.pages() if page.path == "dossier.html")
    told = [(row[1].text, row[2].text.partition(".")[0]) for row in page.tables[0].rows]
    wanted = [(clause, str(one.id)) for one in lab.controls.values() for clause in one.tcvn_14423]
    assert sorted(told) == sorted(wanted)
    assert [row[0].text[0] for row in page.tables[0].rows] == sorted(
        (row[0].text[0] for row in page.tables[0].rows), key="NSAD".index
    )


def test_pages_of_sites_and_systems_stand_on_their_hosts(lab: Fleet) -> None:
    found = report(lab, *(record(name) for name in lab.hosts), record("rach-gia-gateway-1", Outcome.FAIL, 26))
    states = {page.path: page.state for page in site_pages(found)}
    assert states == {"sites/rach-gia.html": State.FAIL, "sites/long-xuyen.html": State.PASS}
    pages = {page.path: page for page in system_pages(found)}
    assert len(pages) == len(lab.systems) + 1
    office = pages["systems/e-office.html"].tables[0]
    assert {row[0].text for row in office.rows} == {"rach-gia-control-plane-1", "long-xuyen-control-plane-1"}


def test_the_four_layers(lab: Fleet) -> None:
    names = list(lab.hosts)
    heard = [record(name, Outcome.PASS, 66, test=LOG_ARRIVES) for name in names[1:]]
    silent = record(names[0], Outcome.FAIL, 66, test=LOG_ARRIVES)
    page = layers_page(report(lab, *heard, silent))
    people, sources, checks, national = page.tables
    assert people.rows[0][1].text == f"0 / {len(lab.communes) + 1}"
    assert sources.rows[0][1].text == f"{len(names) - 1} / {len(names)}"
    assert [row[0].text for row in sources.rows[1:]] == [names[0]]
    assert checks.rows[1][2].state is State.NO_EVIDENCE, "operators are no independent examiners"
    assert national.rows[0][1].text == "security-operations/relay"
    assert national.rows[1][2].state is State.FAIL, "nobody has confirmed the address"


def test_an_independent_run_has_a_signer_from_outside_and_an_age(lab: Fleet) -> None:
    fresh = layers_page(report(lab, record(PARTY), signer="auditor")).tables[2].rows[1]
    assert (fresh[1].text, fresh[2].state) == ("auditor, 2 h (r1)", State.PASS)
    old = layers_page(report(lab, record(PARTY), signer="auditor", after=timedelta(days=184))).tables[2].rows[1]
    assert old[2].state is State.STALE


def test_the_map_has_every_commune_at_its_place(lab: Fleet) -> None:
    points = {point.code: point for point in draw(lab.communes.values(), dict.fromkeys(lab.communes, "pass")).points}
    assert points.keys() == lab.communes.keys()
    drawn = draw(lab.communes.values(), dict.fromkeys(lab.communes, "pass"))
    assert all(0 <= one.x <= drawn.width and 0 <= one.y <= drawn.height for one in drawn.points)
    west, east = points["31105"], points["30307"]
    assert west.x < points[COMMUNE].x < east.x, "Thổ Châu, Phú Quốc, Long Xuyên"
    assert west.y > points[COMMUNE].y, "Thổ Châu lies south of Phú Quốc"


def test_a_commune_is_as_bad_on_the_map_as_its_worse_body(lab: Fleet) -> None:
    found = report(lab, record(PARTY))
    states = {point.code: point.state for point in found.map(found.communes()).points}
    assert states[COMMUNE] == State.NO_EVIDENCE, "one body that passed does not make the commune green"


def test_csv_has_a_line_for_each_check_and_no_formula(lab: Fleet) -> None:
    text = as_csv(report(lab, record(PARTY, seen="=1+1"), record(PEOPLE, Outcome.FAIL, 26)))
    assert text.startswith("\ufeff")
    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))
    assert [(row["host"], row["controls"], row["outcome"]) for row in rows[:1]] == [(PARTY, "25", "pass")]
    assert rows[0]["seen"] == "'=1+1"
    assert len(rows) == 2


def test_junit_keeps_outcomes_apart(lab: Fleet) -> None:
    records = [record(PARTY, outcome, 25 + number) for number, outcome in enumerate(Outcome)]
    root = ElementTree.fromstring(as_junit(report(lab, *records)))  # noqa: S314 - it is ours
    suite = next(one for one in root if one.get("name") == PARTY)
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
    }
    said = [case[0].get("type") for case in suite if len(case)]
    assert said == ["fail", "unreachable", "unknown", "waived"]


def test_oscal_is_valid_and_satisfied_means_passed_everywhere(lab: Fleet) -> None:
    found = report(lab, *(record(name) for name in lab.hosts), record(PARTY, Outcome.WAIVED, 26))
    document = json.loads(as_oscal(found, Controls(found)))["assessment-results"]
    model = AssessmentResults.parse_obj(document)
    assert model.metadata.oscal_version.__root__ == "1.2.1"
    (result,) = document["results"]
    states = {one["target"]["target-id"]: one["target"]["status"]["state"] for one in result["findings"]}
    assert states["control-25"] == "satisfied"
    assert states["control-26"] == "not-satisfied"
    assert "control-85" not in states, "no host can tell"
    assert len(result["local-definitions"]["inventory-items"]) == len(lab.hosts)
    known = {one["uuid"] for one in result["observations"]}
    assert {
        one["observation-uuid"] for finding in result["findings"] for one in finding["related-observations"]
    } == known
    del document["results"][0]["start"]
    with pytest.raises(ValueError, match="start"):
        AssessmentResults.parse_obj(document)


def test_oscal_of_no_evidence_is_valid_too(lab: Fleet) -> None:
    found = Report(lab, [], "en", START)
    AssessmentResults.parse_obj(json.loads(as_oscal(found, Controls(found)))["assessment-results"])
