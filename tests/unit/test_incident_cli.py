"""`province incident` as people and programs call it: exit codes, one message for each error, JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError

FRESH, STALE = timedelta(hours=1), timedelta(hours=25)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVINCE_INCIDENTS", str(tmp_path))
    monkeypatch.setenv("PROVINCE_ENVIRONMENT", "production")
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["incident", *words])


def answer(*words: str) -> Any:
    done = call(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def opened(ago: timedelta, *words: str, gravity: str = "serious") -> str:
    texts = ["--what", "Nút mất", "--reporter", "Trực ca", "--reason", "Mất nút", "--host", "phu-quoc-party"]
    detected = (datetime.now(UTC) - ago).isoformat()
    return str(
        answer("open", f"--gravity={gravity}", "--layer=on-site", f"--detected={detected}", *texts, *words)["id"]
    )


@pytest.mark.proves(76)
def test_what_is_late_has_its_own_exit_code() -> None:
    opened(FRESH)
    assert call("list", "--due").exit_code == ExitCode.OK
    late = opened(STALE)
    done = call("list", "--due")
    assert done.exit_code == int(ExitCode.LATE)
    assert f"{late}  serious  open" in done.stdout
    assert "first report: LATE, was due " in done.stdout
    assert call("list").exit_code == ExitCode.OK
    call("notice", late, "--sent", datetime.now(UTC).isoformat(), "--reference", "12/BC")
    assert call("list", "--due").exit_code == ExitCode.OK
    assert "1 h 00 min late" in call("show", late).stdout


def test_a_late_exercise_is_no_late_incident() -> None:
    id_ = opened(STALE, "--exercise")
    assert id_.startswith("exercise-")
    assert call("list", "--due").exit_code == ExitCode.OK
    done = call("list", "--due", "--exercise")
    assert done.exit_code == ExitCode.LATE
    assert f"EXERCISE  {id_}" in done.stdout


def test_an_ordinary_incident_waits_for_nothing() -> None:
    opened(STALE, gravity="ordinary")
    assert answer("list", "--due")["incidents"] == []
    assert len(answer("list")["incidents"]) == 1


def test_the_whole_way(tmp_path: Path) -> None:
    id_ = opened(FRESH)
    call("note", id_, "--text", "Đã ngắt nút", "--public")
    assert "Đã ngắt nút" in answer("notice", id_)["text"]
    call("close", id_, "--cause", "Mất điện", "--remedy", "Thêm nguồn")
    assert "Mất điện" in answer("notice", id_, "--final")["text"]
    made = answer("bundle", id_, "--out", str(tmp_path / "out"))
    assert call("bundle", "--verify", made["folder"]).exit_code == ExitCode.OK
    shown = answer("show", id_)
    assert [one["kind"] for one in shown["timeline"]] == ["opened", "noted", "closed", "noted"]
    assert made["sha256"] in shown["timeline"][-1]["text"]
    with (tmp_path / "out" / "notice-first.md").open("a", encoding="utf-8") as file:
        file.write("x")
    done = call("bundle", "--verify", made["folder"])
    assert (done.exit_code, done.stdout.partition(":")[0]) == (ExitCode.FAILED, "notice-first.md")


def test_the_annual_report_keeps_exercises_apart() -> None:
    opened(FRESH)
    opened(FRESH, "--exercise")
    local_year = (datetime.now(UTC) - FRESH + timedelta(hours=7) + timedelta(days=17)).year
    done = answer("report", "--year", str(local_year))
    assert (done["incidents"], done["exercises"]) == (1, 1)
    incidents, exercises, text = (Path(name).read_text(encoding="utf-8") for name in done["files"])
    assert "exercise-" not in incidents
    assert "incident-" not in exercises
    assert "# Báo cáo năm" in text


def test_environments_share_no_incident() -> None:
    id_ = opened(FRESH)
    assert answer("list", "--environment", "lab")["incidents"] == []
    assert isinstance(call("show", id_, "--environment", "lab").exception, ProvinceError)


def test_a_changed_file_is_one_message_and_hides_nothing(kept: Path) -> None:
    first, second = opened(FRESH), opened(FRESH)
    path = kept / "production" / "incidents" / f"{first}.jsonl"
    path.write_bytes(path.read_bytes().replace(b"phu-quoc", b"phu-quok"))
    done = call("list")
    assert done.exit_code == ExitCode.BAD_DATA
    assert second in done.stdout
    assert f"{path}:1: the line does not follow" in done.stderr
    refused = call("note", first, "--text", "x")
    assert isinstance(refused.exception, ProvinceError)
    assert str(path) in str(refused.exception)


@pytest.mark.parametrize(
    "words",
    [
        ("note", "incident-2026-0001", "--text", ""),
        ("note", "incident-2026-9999", "--text", "x"),
        ("close", "incident-2026-9999", "--cause", "x", "--remedy", "y"),
        ("notice", "incident-2026-9999"),
        ("bundle",),
        ("bundle", "--verify", "/nonexistent"),
        ("show", "x/../y"),
    ],
)
def test_a_wrong_call_is_one_message(words: tuple[str, ...]) -> None:
    done = call(*words)
    assert isinstance(done.exception, ProvinceError), done.output
    assert str(done.exception)


def test_check_says_how_many_contacts_nobody_named() -> None:
    done = CliRunner().invoke(app, ["check"])
    assert "103 of 103 incident contacts are not named" in done.stdout


def test_the_runbook_names_only_verbs_and_options_that_there_are() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/runbooks/incident.md").read_text(encoding="utf-8")
    group = typer.main.get_command(app).commands["incident"].commands  # type: ignore[attr-defined]
    named = re.findall(r"`province incident (\S+)([^`]*)`", text)
    for verb, rest in named:
        known = {option for parameter in group[verb].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", rest)) <= known, verb
    assert {verb for verb, _ in named} == set(group)
