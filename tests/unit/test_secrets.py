"""Secrets: sealed for whom the model says and for nobody else, and every way to be wrong is named with its mend."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from province.cli import app
from province.errors import ProvinceError
from province.fleet.findings import BadData
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.secret import Secret, SecretRef, readers, references
from province.lab import readers as lab_readers
from province.secrets import keeping, plain_text, recipients, sealed
from province.secrets.survey import Found, survey

from .conftest import Edit

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
TODAY = date(2026, 11, 27)
SEAL = "authority/copies-seal.key"
VALUE = "what copies are worth\n"
SECRETS = "fleet/registers/secrets.yml"
STORE = "{url: 'https://store.example', addresses: [198.51.100.9], bucket: runs, credentials: runs, source: A}"
ROW = (
    "rows:\n  - {id: runs, name: {en: Store, vi: Kho}, owner: science-technology, keys: [id, key], "
    "readers: [automation], days: 90, source: A}\n"
)


@pytest.fixture
def lab(data: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A lab whose controller has the seal of copies, sealed for the lab's own readers."""
    monkeypatch.setenv("PROVINCE_INVENTORIES", str(data))
    monkeypatch.delenv("PROVINCE_IDENTITY", raising=False)
    fleet = load_fleet("lab")
    file = keeping.private(fleet) / SEAL
    file.parent.mkdir(parents=True)
    file.write_text(VALUE, encoding="utf-8")
    assert lab_readers.seal_all(fleet, datetime.now(UTC) + timedelta(seconds=1)) == ["seal-of-copies"]
    (data.parent / ".gitignore").write_text("/.province/\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", data.parent], check=True)
    return fleet


def call(*words: str, text: str | None = None) -> Result:
    done = CliRunner().invoke(app, ["secrets", *words], input=text, catch_exceptions=True)
    if isinstance(done.exception, ProvinceError):
        done.exit_code = int(done.exception.exit_code)
    return done


def said(done: Result) -> str:
    return f"{done.output}{done.exception or ''}"


def rewritten(fleet: Fleet, change: Callable[[dict[str, Any]], object]) -> None:
    path = sealed.place(fleet)[0] / "seal-of-copies.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


def test_the_lab_is_without_findings_and_opens_what_it_sealed(lab: Fleet) -> None:
    done = call("check")
    assert done.exit_code == 0, said(done)
    assert "1 secrets sealed for lab" in done.output
    assert call("open", "seal-of-copies").output == VALUE
    text = (sealed.place(lab)[0] / "seal-of-copies.yml").read_text(encoding="utf-8")
    assert VALUE.strip() not in text


def test_a_second_start_of_the_lab_seals_nothing_anew_until_a_file_changes(lab: Fleet) -> None:
    later = datetime.now(UTC) + timedelta(seconds=2)
    assert lab_readers.seal_all(lab, later) == []
    other = keeping.private(lab) / "authority/ssh-user-ca"
    other.write_text("another", encoding="utf-8")
    assert lab_readers.seal_all(lab, later) == ["authority-of-operators"]


def test_who_may_not_read_a_secret_cannot(lab: Fleet) -> None:
    identity = keeping.private(lab) / lab_readers.FOLDER / lab.environment.automation.name
    done = call("open", "seal-of-copies", "-i", str(identity))
    assert done.exit_code == 1
    assert "this key does not open it" in said(done)
    assert "it is sealed for break-glass, lan" in said(done)


def test_a_key_that_others_can_read_is_refused(lab: Fleet) -> None:
    identity = keeping.private(lab) / lab_readers.FOLDER / "lan"
    identity.chmod(0o644)
    done = call("open", "seal-of-copies")
    assert done.exit_code == 2
    assert f"chmod 600 {keeping.private(lab) / keeping.IDENTITY}" in said(done)


def test_a_private_file_is_new_and_its_owners_alone(lab: Fleet, tmp_path: Path) -> None:
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
    lab: Fleet, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    rewritten(lab, change)
    done = call("check")
    assert done.exit_code == 3
    assert "inventories/lab/secrets/seal-of-copies.yml\n" in said(done)
    assert problem in said(done)


def test_a_clear_part_that_was_changed_is_noticed_when_it_is_opened(lab: Fleet) -> None:
    rewritten(lab, lambda one: one.update(until=TODAY + timedelta(days=9999)))
    assert "until was changed after it was sealed" in said(call("open", "seal-of-copies"))


def test_a_reader_who_left_is_named_until_it_is_sealed_anew(lab: Fleet, data: Path, edit: Edit) -> None:
    edit(SECRETS, "readers: [administrators, break-glass]", "readers: [administrators]")
    found = said(call("check"))
    assert "readers.break-glass: can read it and may not; province secrets reseal seal-of-copies -e lab" in found
    done = call("reseal")
    assert (done.exit_code, "break-glass could read it until now: renew its value, too" in done.output) == (0, True)
    assert call("open", "seal-of-copies").output == VALUE
    assert call("check").exit_code == 0


def test_a_reader_who_came_and_one_without_a_key_are_named(lab: Fleet, data: Path, edit: Edit) -> None:
    edit(SECRETS, "readers: [administrators, break-glass]", "readers: [administrators, break-glass, automation]")
    assert "readers.ops: cannot read it" in said(call("check"))
    register = recipients.register(lab)[0]
    rows = yaml.safe_load(register.read_text(encoding="utf-8"))
    register.write_text(yaml.safe_dump([row for row in rows if row["account"] != "ops"]), encoding="utf-8")
    assert "ops: has no key, and may read seal-of-copies" in said(call("check"))
    refused = call("seal", "seal-of-copies")
    assert (refused.exit_code, "ops may read it and has no key" in said(refused)) == (3, True)


def test_a_key_of_a_stranger_and_one_that_ends_are_named(lab: Fleet) -> None:
    register = recipients.register(lab)[0]
    rows = yaml.safe_load(register.read_text(encoding="utf-8"))
    day = datetime.now(UTC).date() + timedelta(days=10)
    rows[0].update(until=day)
    rows[-1].update(account="nobody")
    register.write_text(yaml.safe_dump(rows), encoding="utf-8")
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
def test_a_bad_key_of_a_reader_is_one_clear_error(lab: Fleet, key: str, problem: str) -> None:
    register = recipients.register(lab)[0]
    register.write_text(yaml.safe_dump([{"account": "lan", "key": key, "until": TODAY}]), encoding="utf-8")
    done = call("check")
    assert done.exit_code == 3
    assert f"0.key: {problem}" in said(done)
    assert "Q" * 58 not in said(done)


def test_absent_secrets_wait_for_the_first_reader_and_are_missed_afterwards(lab: Fleet) -> None:
    (sealed.place(lab)[0] / "seal-of-copies.yml").unlink()
    missed = said(call("check"))
    assert f"{SEAL} lies only on this controller; province secrets seal seal-of-copies -e lab" in missed
    recipients.register(lab)[0].unlink()
    done = call("check")
    assert (done.exit_code, "1 wait for somebody who may read them" in done.output) == (0, True)
    assert call("check", "--ready").exit_code == 3


def test_a_file_that_nobody_declares_is_unused(lab: Fleet) -> None:
    folder = sealed.place(lab)[0]
    (folder / "seal-of-copies.yml").rename(folder / "old.yml")
    found = said(call("check"))
    assert "inventories/lab/secrets/old.yml\n  unused: no such secret is declared" in found


def test_a_secret_is_referred_to_by_type_and_brought_by_lines(lab: Fleet, data: Path, edit: Edit) -> None:
    edit("fleet/sites/rach-gia.yml", "  renew_before_days: 60\n", f"  renew_before_days: 60\n  run_store: {STORE}\n")
    with pytest.raises(BadData, match=r"cluster.run_store.credentials: no such secret .*\(is runs\)"):
        load_fleet("lab")
    edit(SECRETS, "rows:\n", ROW.replace("[id, key]", "[id]"))
    with pytest.raises(BadData, match=r"cluster.run_store.credentials: the secret lacks values .* add key to `keys`"):
        load_fleet("lab")
    edit(SECRETS, "keys: [id]", "keys: [id, key]")
    fleet = load_fleet("lab")
    (one,) = references(fleet.declarations)
    assert (one.secret, one.key, type(one.secret).__mro__[1]) == ("runs", "cluster.run_store.credentials", SecretRef)
    assert "runs.yml\n  the model refers to it, and it is not here; province secrets seal runs" in said(call("check"))
    assert "write one line KEY=VALUE for each of id, key" in said(call("seal", "runs", "--from", "-", text="id=a\n"))
    assert call("seal", "runs", "--from", "-", text="id=a\nkey=b=c\n").exit_code == 0
    identity = str(keeping.private(fleet) / lab_readers.FOLDER / "ops")
    assert call("open", "runs", "-i", identity).output == "id=a\nkey=b=c\n"
    assert call("open", "runs", "-i", identity, "--key", "key").output == "b=c"
    assert call("check").exit_code == 0


def test_a_row_that_nothing_refers_to_is_unused(lab: Fleet, data: Path, edit: Edit) -> None:
    edit(SECRETS, "rows:\n", ROW)
    assert "rows.runs: nothing refers to this secret" in said(call("check"))


def test_a_new_reader_makes_a_key_and_gets_the_row_of_its_public_half(lab: Fleet, tmp_path: Path) -> None:
    key = tmp_path / "mine" / "key"
    made = call("identity", str(key), "--account", "lan")
    assert made.exit_code == 0, said(made)
    (row,) = [line for line in made.output.splitlines() if line.startswith("- ")]
    register = recipients.register(lab)[0]
    with register.open("a", encoding="utf-8") as file:
        file.write(f"{row}\n")
    found = said(call("check"))
    assert "readers.lan: cannot read it by a newer key" in found
    assert call("reseal").exit_code == 0
    assert call("open", "seal-of-copies", "-i", str(key)).output == VALUE
    assert call("identity", str(key), "--account", "lan").exit_code == 1
    assert "there are: ops, lan, break-glass" in said(call("identity", "x", "--account", "nobody"))


def test_the_list_says_who_can_read_what(lab: Fleet) -> None:
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


PLAIN = {
    "key.pem": "-----BEGIN EC PRIVATE KEY-----",  # pragma: allowlist secret
    "tunnel.conf": "PrivateKey = " + "A" * 43 + "=",
    "reader": "AGE-SECRET-KEY-1" + "Q" * 58,
    "settings.yml": "password: Xuan2026SaoMai",  # pragma: allowlist secret
    "push.sh": "git push https://robot:hunter2222@git.example/x",  # pragma: allowlist secret
    "shadow": "lan:$y$j9T$" + "a" * 22 + "$" + "b" * 43 + ":20000:0:60:7:::",
    "cloud.ini": "aws_access_key_id = AKIA" + "Q3EGRIP7LKJ5XWMN",
    "store.p12": "x",
}


def test_plain_text_is_found_by_file_and_line_and_never_repeated(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("ignored\n", encoding="utf-8")
    (tmp_path / "ignored").write_text(PLAIN["key.pem"], encoding="utf-8")
    (tmp_path / "picture").write_bytes(b"\x89\xff")
    harmless = "password: Xuan2026SaoMai # pragma: allowlist secret\npassword: !vault\nPasswordAuthentication no\n"
    (tmp_path / "harmless.yml").write_text(harmless, encoding="utf-8")
    for name, line in PLAIN.items():
        (tmp_path / name).write_text(f"first\n{line}\n", encoding="utf-8")
    found = plain_text.scan(tmp_path)
    assert [one.file for one in found] == sorted(PLAIN)
    assert {one.key for one in found if one.file != "store.p12"} == {"line 2"}
    assert not [one for one in found if any(line in str(one) for line in PLAIN.values() if line != "x")]


def test_a_folder_that_is_no_checkout_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ProvinceError, match="what Git has cannot be listed"):
        plain_text.scan(tmp_path)
