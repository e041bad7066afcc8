"""`province sizing` shows the way from figure to result, for people in 120 columns and for programs as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from province.cli import app
from province.errors import ExitCode, ProvinceError

WIDTH = 120


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sizing", *arguments])


def lines(*arguments: str) -> list[str]:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return [line.rstrip() for line in done.output.splitlines()]


def parsed(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json").output)


def squeezed(shown: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in shown]


def test_all_systems_and_sites_are_seen_at_a_glance() -> None:
    shown = lines()
    assert max(map(len, shown)) <= WIDTH
    said = squeezed(shown)
    assert "e-office Electronic office" in said
    assert "Requests at peak 7,736 accounts ×2 ×30% ÷5 ×1.6 1,485 requests a second" in said
    assert "Growth of storage 213,883 + 75,393 documents ×4 ×1.5 ÷1,000,000 ×2 3.47 TB a year" in said
    assert "Full meeting 204 points ×2 408 Mbps" in said
    assert "long-xuyen the site rach-gia 138 96.5 cores, 253 GiB 260.9 cores, 975 GiB fits" in said
    assert said[-1] == "long-xuyen one storage host 114 TB stored 120 TB fits"


def test_one_system_is_shown_step_by_step_with_reasons() -> None:
    shown = lines("e-office")
    assert max(map(len, shown)) <= WIDTH
    said = squeezed(shown)
    begin = said.index("Requests at peak (web): 1,485 requests a second")
    assert said[begin + 1] == "Accounts of the electronic office = 7,736 accounts, former Kiên Giang (S2)"
    assert said[begin + 2].startswith("× 2 both former provinces = 15,472 accounts, new An Giang 48 of the 102")
    assert "10 × web 1,000 millicores, 1,024 MiB" in said
    assert said[-1] == "at peak 16.9 cores, 36 GiB; its room may have 24 cores, 48 GiB"


def test_names_are_vietnamese_when_asked_for() -> None:
    assert "Yêu cầu lúc cao điểm (web): 1,485 requests a second" in lines("e-office", "--lang", "vi")


def test_programs_get_each_step_with_value_scope_and_source() -> None:
    found = parsed("document-gateway")
    first = found["results"][0]
    assert (first["id"], first["unit"], first["per"], first["scope"]) == (
        "incoming-documents",
        "documents",
        "second",
        "new An Giang",
    )
    assert first["chain"][1] == {
        "kind": "assumption",
        "id": "working-days-of-the-quarter",
        "factor": "÷ 58",
        "name": {"vi": "ngày làm việc quý I năm 2025", "en": "working days of the first quarter of 2025"},
        "reason": "64 weekdays without 5 of Tết and the 1st of January",
        "source": "C",
        "value": pytest.approx(213_883 / 58),
        "unit": "documents",
        "scope": "former Kiên Giang",
        "per": "working day",
    }
    assert [one["component"] for one in found["pods"]] == ["intake", "exchange", "queue", "db"]


def test_programs_get_the_sites_of_an_environment_whose_hosts_have_a_size() -> None:
    assert {(one["site"], one["fits"]) for one in parsed()["sites"]} == {("rach-gia", True), ("long-xuyen", True)}
    assert parsed()["stores"][0] == {"site": "rach-gia", "stored_tb": pytest.approx(227.2, rel=0.001)} | {
        "left_tb": 240,
        "fits": True,
    }
    lab = parsed("--environment", "lab")
    assert (lab["sites"], lab["stores"]) == ([], [])


def test_a_system_without_a_figure_says_so() -> None:
    shown = lines("tourism")
    assert shown[0] == "no published figure says how busy it is"
    assert squeezed(shown)[-1] == "at peak 3.1 cores, 12 GiB; its room may have 8 cores, 16 GiB"


def test_an_unknown_system_is_answered_with_the_nearest() -> None:
    error = run("e-ofice").exception
    assert isinstance(error, ProvinceError)
    assert error.exit_code == ExitCode.USAGE
    assert str(error) == "no system 'e-ofice'\n  did you mean \"e-office\"?"
