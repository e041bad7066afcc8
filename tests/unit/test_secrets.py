"""Secrets: sealed for whom the model says and for nobody else, and every way to be wrong is named with its mend."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from province.cli import secrets as cli
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.secret import Reader, Secret, StoreCredentials, check_secrets, readers, references
from province.lab import readers as lab_readers
from province.secrets import keeping
from province.secrets.survey import Found, survey

from .conftest import Edit
from .secret_desk import RUNS, SEAL, VALUE, Desk, call, said

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
TODAY = date(2026, 11, 27)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in ("PROVINCE_IDENTITY", "PROVINCE_TRUST", "PROVINCE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    desk = Desk(tmp_path)
    monkeypatch.setattr(cli, "load_fleet", lambda _environment: desk.fleet)
    return desk


def test_the_lab_is_without_findings_and_opens_what_it_sealed(lab: Desk) -> None:
    done = call("check")
    assert done.exit_code == 0, said(done)
    assert "1 secrets sealed for lab" in done.output
    assert call("open", "seal-of-copies").output == VALUE
    text = (lab.sealed / "seal-of-copies.yml").read_text(encoding="utf-8")
    assert VALUE.strip() not in text


def test_a_second_start_of_the_lab_seals_nothing_anew_until_a_file_changes(lab: Desk) -> None:
    later = datetime.now(UTC) + timedelta(seconds=2)
    assert lab_readers.seal_all(lab.fleet, later) == []
    other = lab.private / "authority/ssh-user-ca"
    other.write_text("another", encoding="utf-8")
    assert lab_readers.seal_all(lab.fleet, later) == ["authority-of-operators"]
    lab.readers_of_seal(Reader.ADMINISTRATORS)
    assert lab_readers.seal_all(lab.fleet, later) == ["seal-of-copies"]


def test_who_may_not_read_a_secret_cannot(lab: Desk) -> None:
    identity = lab.private / lab_readers.FOLDER / lab.fleet.environment.automation.name
    done = call("open", "seal-of-copies", "-i", str(identity))
    assert done.exit_code == 1
    assert "this key does not open it" in said(done)
    assert "it is sealed for break-glass, lan" in said(done)


def test_a_key_that_others_can_read_is_refused(lab: Desk) -> None:
    identity = lab.private / lab_readers.FOLDER / "lan"
    identity.chmod(0o644)
    done = call("open", "seal-of-copies")
    assert done.exit_code == 2
    assert f"chmod 600 {lab.private / keeping.IDENTITY}" in said(done)


def test_a_private_file_is_new_and_its_owners_alone(lab: Desk, tmp_path: Path) -> None:
    target = tmp_path / "back" / "copies-seal.key"
    assert call("open", "seal-of-copies", "--into", str(target)).exit_code == 0
    assert target.read_text(encoding="utf-8") == VALUE
    assert target.stat().st_mode & 0o777 == 0o600
    again = call("open", "seal-of-copies", "--into", str(target))
    assert (again.exit_code, "is there; nothing was changed" in said(again)) == (1, True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda one: one.update(until=TODAY - timedelta(days=365)), "until: over for"),
        (lambda one: one.update(environment="production"), "environment: is sealed for something else than lab"),
        (lambda one: one.update(keys=["password"]), "keys: is sealed for something else than key"),
        (lambda one: one.update(age="nothing\n"), "age: is no message of age"),
        (lambda one: one["readers"].pop("lan"), "readers: the message is for 2 keys, and `readers` names 1"),
        (lambda one: one.update(at="2020-01-01T00:00:00Z"), f"at: {SEAL} was written after it was sealed"),
    ],
)
def test_what_is_wrong_with_a_sealed_file_is_named(
    lab: Desk, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    lab.rewrite(change)
    done = call("check")
    assert done.exit_code == 3
    assert "inventories/lab/secrets/seal-of-copies.yml\n" in said(done)
    assert problem in said(done)


def test_a_clear_part_that_was_changed_is_noticed_when_it_is_opened(lab: Desk) -> None:
    lab.rewrite(lambda one: one.update(until=TODAY + timedelta(days=9999)))
    assert "until was changed after it was sealed" in said(call("open", "seal-of-copies"))


def test_a_reader_who_left_is_named_until_it_is_sealed_anew(lab: Desk) -> None:
    lab.readers_of_seal(Reader.ADMINISTRATORS)
    found = said(call("check"))
    assert "readers.break-glass: can read it and may not; province secrets reseal seal-of-copies -e lab" in found
    done = call("reseal")
    assert (done.exit_code, "break-glass could read it until now: renew its value, too" in done.output) == (0, True)
    assert call("open", "seal-of-copies").output == VALUE
    assert call("check").exit_code == 0


def test_a_reader_who_came_and_one_without_a_key_are_named(lab: Desk) -> None:
    lab.readers_of_seal(*Reader)
    assert "readers.ops: cannot read it" in said(call("check"))
    rows = lab.rows()
    lab.register.write_text(yaml.safe_dump([row for row in rows if row["account"] != "ops"]), encoding="utf-8")
    assert "ops: has no key, and may read seal-of-copies" in said(call("check"))
    refused = call("seal", "seal-of-copies")
    assert (refused.exit_code, "ops may read it and has no key" in said(refused)) == (3, True)


def test_a_key_of_a_stranger_and_one_that_ends_are_named(lab: Desk) -> None:
    rows = lab.rows()
    day = datetime.now(UTC).date() + timedelta(days=10)
    rows[0].update(until=day)
    rows[-1].update(account="nobody")
    lab.register.write_text(yaml.safe_dump(rows), encoding="utf-8")
    found = said(call("check"))
    assert f"lan.until: ends in {(day - datetime.now(UTC).date()).days} d (is {day})" in found.replace(" 9 d", " 10 d")
    assert "nobody: is no account of this environment" in found


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("age1short", "is no public key of age"),
        ("AGE-SECRET-KEY-1" + "Q" * 58, "is the private half of a key"),  # pragma: allowlist secret
    ],
)
def test_a_bad_key_of_a_reader_is_one_clear_error(lab: Desk, key: str, problem: str) -> None:
    lab.register.write_text(yaml.safe_dump([{"account": "lan", "key": key, "until": TODAY}]), encoding="utf-8")
    done = call("check")
    assert done.exit_code == 3
    assert f"0.key: {problem}" in said(done)
    assert "Q" * 58 not in said(done)


def test_absent_secrets_wait_for_the_first_reader_and_are_missed_afterwards(lab: Desk) -> None:
    (lab.sealed / "seal-of-copies.yml").unlink()
    missed = said(call("check"))
    assert f"{SEAL} lies only on this controller; province secrets seal seal-of-copies -e lab" in missed
    lab.register.unlink()
    done = call("check")
    assert (done.exit_code, "1 wait for somebody who may read them" in done.output) == (0, True)
    assert call("check", "--ready").exit_code == 3


def test_a_file_that_nobody_declares_is_unused(lab: Desk) -> None:
    folder = lab.sealed
    (folder / "seal-of-copies.yml").rename(folder / "old.yml")
    found = said(call("check"))
    assert "inventories/lab/secrets/old.yml\n  unused: no such secret is declared" in found


def test_a_secret_that_a_fact_names_and_nobody_declares_is_bad_data(data: Path, edit: Edit) -> None:
    store = "{url: 'https://store.example', bucket: runs, credentials: runs, source: A}"
    edit("fleet/sites/rach-gia.yml", "  renew_before_days: 60\n", f"  renew_before_days: 60\n  backup_store: {store}\n")
    with pytest.raises(BadData, match=r"cluster.backup_store.credentials: no such secret .*\(is runs\)"):
        load_fleet("lab", data)


def test_a_secret_is_referred_to_by_type_and_brought_by_lines(lab: Desk) -> None:
    lab.offer_store()
    (one,) = references(lab.fleet.declarations)
    assert (one.secret, one.key, type(one.secret)) == ("runs", "cluster.backup_store.credentials", StoreCredentials)
    (short,) = check_secrets([RUNS.model_copy(update={"keys": ("id",)})], [one])
    assert (short.key, short.mend.startswith("add key to `keys`")) == (one.key, True)
    lab.declare(RUNS)
    assert "runs.yml\n  the model refers to it, and it is not here; province secrets seal runs" in said(call("check"))
    assert "write one line KEY=VALUE for each of id, key" in said(call("seal", "runs", "--from", "-", text="id=a\n"))
    assert call("seal", "runs", "--from", "-", text="id=a\nkey=b=c\n").exit_code == 0
    identity = str(lab.private / lab_readers.FOLDER / "ops")
    assert call("open", "runs", "-i", identity).output == "id=a\nkey=b=c\n"
    assert call("open", "runs", "-i", identity, "--key", "key").output == "b=c"
    assert call("check").exit_code == 0


def test_a_row_that_nothing_refers_to_is_unused(lab: Desk) -> None:
    lab.declare(RUNS)
    assert "rows.runs: nothing refers to this secret" in said(call("check"))


def test_a_new_reader_makes_a_key_and_gets_the_row_of_its_public_half(lab: Desk, tmp_path: Path) -> None:
    key = tmp_path / "mine" / "key"
    made = call("identity", str(key), "--account", "lan")
    assert made.exit_code == 0, said(made)
    (row,) = [line for line in made.output.splitlines() if line.startswith("- ")]
    with lab.register.open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    found = said(call("check"))
    assert "readers.lan: cannot read it by a newer key" in found
    assert call("reseal").exit_code == 0
    assert call("open", "seal-of-copies", "-i", str(key)).output == VALUE
    assert call("identity", str(key), "--account", "lan").exit_code == 1
    assert "there are: ops, lan, break-glass" in said(call("identity", "x", "--account", "nobody"))


def test_the_list_says_who_can_read_what(lab: Desk) -> None:
    rows = {row["secret"]: row for row in json.loads(call("list", "--json").output)}
    assert rows["seal-of-copies"]["readers"] == ["break-glass", "lan"]
    assert rows["authority-of-hosts"] == {
        "secret": "authority-of-hosts",
        "until": None,
        "readers": [],
        "may": ["break-glass"],
    }


def test_every_secret_of_production_has_a_reader_there(fleet: Fleet) -> None:
    rows = fleet.registers.secrets.rows
    assert all(readers(fleet.environment, row) for row in rows)
    found = survey(fleet, Found(None, {}, {str(row.file): NOW for row in rows}), TODAY)
    assert (len(found.waiting), found.findings) == (len(rows), ())


@pytest.mark.parametrize(
    "bad", [{"file": "/etc/shadow"}, {"file": "../x"}, {"file": "x", "keys": ["a", "b"]}, {"keys": []}]
)
def test_a_secret_that_cannot_be_is_refused(fleet: Fleet, bad: dict[str, Any]) -> None:
    row = fleet.registers.secrets.rows[0].model_dump()
    with pytest.raises(ValueError, match=r"`file`|`keys`"):
        Secret.model_validate({**row, **bad})
