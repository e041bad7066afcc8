"""`province migrate` as a stranger reads it, and what it refuses."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.errors import ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.findings import BadData
from province.fleet.load import load_fleet
from province.fleet.migration import Phase
from province.migration.desk import Desk
from province.migration.hands import hands_of
from province.migration.proofs import Book
from tests.unit.conftest import Edit

REACH = "requires_verified: false\nold_databases:\n  {move}: {{source: {source}, target: host=new}}\n"


@pytest.fixture(autouse=True)
def _inventories(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["migrate", *words])
    if done.exception:
        raise done.exception
    return done.output


def test_status_says_in_a_line_what_each_wave_waits_for() -> None:
    lines = run("status").splitlines()
    assert len(lines) == 7
    assert lines[0].endswith("moves nothing")
    assert "waits for an approval: `phase` in migration/waves.yml, after wave 2" in lines[3]
    assert [one["id"] for one in json.loads(run("status", "--json"))] == list(range(7))


def test_status_of_an_allowed_wave_says_the_command_or_the_hour(edit: Edit) -> None:
    week, old = "mon, tue, wed, thu, fri, sat, sun", 'begins: "19:00", ends: "23:00", source: A}]\n  phase: declared'
    halves = [("00:00", "12:00"), ("12:00", "00:00")]
    day = ", ".join(f'{{days: [{week}], begins: "{a}", ends: "{b}", source: A}}' for a, b in halves)
    edit("fleet/migration/waves.yml", f"[{{days: [mon, tue, wed, thu], {old}", f"[{day}]\n  phase: provisioned")
    assert "province migrate advance 1" in run("status").splitlines()[1]


def test_a_plan_tells_both_sides_of_every_phase() -> None:
    text = run("plan", "3")
    assert text.index("e-office-an-giang") < text.index("document-gateway-an-giang")
    assert "  cut-over     old refuses writes; new takes writes, changes flow: back; users are here" in text
    assert len(json.loads(run("plan", "3", "--json"))["phases"]) == 4


@pytest.mark.parametrize("verb", ["advance", "rehearse", "backup", "rollback"])
def test_who_does_not_say_how_the_old_side_is_reached_changes_nothing(verb: str) -> None:
    with pytest.raises(ProvinceError, match="does not say how the old side is reached: trial-"):
        run(verb, "1")


def test_an_unknown_wave_is_refused() -> None:
    with pytest.raises(ProvinceError, match="no wave 9"):
        run("plan", "9")


@pytest.mark.parametrize(
    ("move", "source", "said"),
    [
        ("e-office-an-gian", "host=old", "no such move"),
        ("e-office-an-giang", "host=old password=x", "holds a password"),
    ],
)
def test_bad_ways_to_databases_are_refused(data: Path, edit: Edit, move: str, source: str, said: str) -> None:
    edit("lab/environment.yml", "requires_verified: false\n", REACH.format(move=move, source=source))
    with pytest.raises(BadData, match=said):
        load_fleet("lab", data)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("old:/srv/pages", "srv/pages", "'srv/pages' is no absolute path"),
        ("/srv/pages", "new:/srv/pages", "cannot pull from there"),
    ],
)
def test_bad_ways_to_folders_are_refused(data: Path, edit: Edit, source: str, target: str, said: str) -> None:
    reach = f"requires_verified: false\nold_folders:\n  trial-an-giang: {{source: '{source}', target: '{target}'}}\n"
    edit("lab/environment.yml", "requires_verified: false\n", reach)
    with pytest.raises(BadData, match=said):
        load_fleet("lab", data)


def test_a_method_that_nobody_carries_out_is_named() -> None:
    with pytest.raises(ProvinceError, match=r"are carried out by now: old-portals-an-giang \(archive\)"):
        run("advance", "6")


MAIL = "{source: old:/etc/dovecot, target: new:/etc/dovecot, spare: /srv/spare}"
BUCKET = (
    "{source: https://old, target: https://new, bucket: lake, source_profile: old, target_profile: new, "
    "source_mover: arn:aws:iam::old:user/mover, target_mover: arn:aws:iam::new:user/mover, settle_seconds: 60}"
)
QUEUE = "{source: nats://old, target: nats://new, stream: s}"
SERVICE = "{logs: /var/log, stop: a, start: b, runs: c, answers: /healthz}"
STANDBY = "{source: host=old, target: host=new, data: /d, programs: /p, spare_port: 0}"
NAME = "name: vanban.cu.example, server: 192.0.2.53, key: /etc/move.key, old: [192.0.2.1]"


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        (f"old_buckets: {{lake-an-giang: {BUCKET.replace('//old', '//a:b@old')}}}", "holds a password"),
        (f"old_buckets: {{lake-an-giang: {BUCKET.replace('https://new', 'new')}}}", "'new' is not asked over HTTP"),
        (f"old_buckets: {{lake-an-giang: {BUCKET.replace('arn:aws:iam::new:user/', '')}}}", "no name of an account"),
        (f"old_buckets: {{lake-an-giang: {BUCKET}, lake-kien-giang: {BUCKET}}}", "two moves go there"),
        (f"old_queues: {{document-gateway-an-giang: {QUEUE.replace('//old', '//a:b@old')}}}", "holds a password"),
        (f"old_queues: {{document-gateway: {QUEUE}}}", "no such move"),
        (f"old_mailboxes: {{mail-an-giang: {MAIL.replace('/srv/spare', '/')}}}", "a folder with room for a copy"),
        (f"old_mailboxes: {{mail-an-giang: {MAIL}, mail-kien-giang: {MAIL}}}", "two moves go there"),
        (f"old_names: {{trial-an-giang: [{{{NAME}, zone: cu.example, new: [192.0.2.1]}}]}}", "two places"),
        (f"old_names: {{trial-an-giang: [{{{NAME}, zone: moi.example, new: [192.0.2.2]}}]}}", "is no name of"),
        (f"old_services: {{data-exchange-an-giang: {SERVICE}}}", "is not asked over HTTP"),
        (f"old_standbys: {{one-stop-an-giang: {STANDBY}}}", "spare_port"),
    ],
)
def test_bad_ways_to_other_sides_are_refused(data: Path, edit: Edit, reach: str, said: str) -> None:
    edit("lab/environment.yml", "requires_verified: false\n", f"requires_verified: false\n{reach}\n")
    with pytest.raises(BadData, match=said):
        load_fleet("lab", data)


def test_mailboxes_of_both_rooms_have_hands_and_nothing_has_begun(data: Path, edit: Edit, tmp_path: Path) -> None:
    rooms = ("an-giang", "kien-giang")
    reach = "".join(f"  mail-{one}: {MAIL.replace('new:/etc', f'{tmp_path}/{one}')}\n" for one in rooms)
    edit("lab/environment.yml", "requires_verified: false\n", f"requires_verified: false\nold_mailboxes:\n{reach}")
    fleet = load_fleet("lab", data)
    assert fleet.migration
    desk = Desk(Book(tmp_path), tmp_path, 2, "lan", lambda: datetime.now(LOCAL))
    hands = hands_of(fleet.environment, fleet.migration.waves[2], fleet.migration.moves, desk)
    assert [hands.phase(move) for move in fleet.migration.moves_of(2)] == [Phase.DECLARED] * 2


def test_a_trigger_has_one_figure(data: Path, edit: Edit) -> None:
    edit("fleet/migration/moves.yml", "compares: true, source", "compares: true, asks: up, source")
    with pytest.raises(BadData, match="are two figures: keep one"):
        load_fleet("lab", data)


def test_a_plan_says_which_trigger_people_have_to_look_at() -> None:
    text = run("plan", "3")
    assert "goes back over: lost or duplicated documents, 0 documents for 0 min\n" in text
    assert "documents not acknowledged for an hour, 0 documents for 0 min; nobody measures it by now" in text


def test_a_plan_says_what_the_stack_of_the_move_declares_in_each_phase() -> None:
    lines = run("plan", "3").splitlines()
    office = lines[lines.index("e-office-an-giang  consolidate by logical-replication to e-office, 120 GiB") :]
    declared = {line.split()[0]: line.partition("; declared: ")[2] for line in office[2:10]}
    both = "passage from-old, passage to-old"
    assert declared == {
        "declared": "",
        "provisioned": "",
        **dict.fromkeys(("replicating", "rehearsed", "frozen", "cut-over"), both),
        "soaking": "passage from-old",
        "retired": "",
    }
    phases = json.loads(run("plan", "1", "--json"))["phases"]["trial-an-giang"]
    assert (phases["declared"]["declared"], phases["provisioned"]["declared"]) == ([], ["volume"])
