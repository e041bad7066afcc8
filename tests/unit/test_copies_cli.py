"""`province copies`: what it says of nodes that are late, silent or broken, and the seal that is never made twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from province.cli import app
from province.cli import copies as verbs
from province.errors import ExitCode, ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.enrolled import KEYS, keys_text
from province.manifest.revoked import REVOKED, Revoked, revoked_text
from province.manifest.trust import COPIES_SEAL, trust_folder
from province.ops import copies as keeping
from province.pki import seal
from province.pki.authority import authority_folder

DAY_S = 86400
NODES = ("phu-quoc-party", "phu-quoc-people")
YOUNG = {"made": 1.0, "age_s": 1800, "oldest_s": DAY_S}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    fleet = replace(load_fleet("lab"), root=tmp_path / "inventories")
    monkeypatch.setattr(verbs, "load_fleet", lambda _: fleet)
    return fleet


def asked(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], *words: str) -> Result:
    def ask(host: str, _: Sequence[str], __: str) -> str:
        answer = answers[host]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    monkeypatch.setattr(verbs, "over_ssh", lambda _: ask)
    return CliRunner().invoke(app, ["copies", "status", *NODES, *words])


@pytest.mark.parametrize(
    ("second", "code", "line"),
    [
        ({"rach-gia": YOUNG}, ExitCode.OK, "rach-gia         0.5 h"),
        ({"rach-gia": {**YOUNG, "age_s": 90000}}, ExitCode.STALE, "rach-gia         25.0 h TOO OLD"),
        (
            {"rach-gia": {"age_s": 90000, "oldest_s": DAY_S, "error": {"time": 1.0, "text": "the store is full"}}},
            ExitCode.STALE,
            "no copy since 25.0 h TOO OLD  the store is full",
        ),
        (ConnectionError("No route to host"), ExitCode.UNREACHABLE, "No route to host"),
        (ProvinceError("no such file"), ExitCode.FAILED, "no such file"),
    ],
    ids=["young", "old", "never", "silent", "broken"],
)
def test_status_says_which_copies_are_too_old(
    second: Any, code: ExitCode, line: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fleet.hosts[NODES[0]]
    answers = {NODES[0]: {"rach-gia": YOUNG}, NODES[1]: second}
    done = asked(monkeypatch, answers)
    assert (done.exit_code, line in done.output) == (int(code), True), done.output
    assert set(json.loads(asked(monkeypatch, answers, "--json").output)) == set(NODES)


def test_the_seal_is_made_once_and_never_replaced_by_another(fleet: Fleet) -> None:
    public = trust_folder(fleet) / COPIES_SEAL
    assert CliRunner().invoke(app, ["copies", "seal"]).exit_code == 0
    first = public.read_text(encoding="utf-8")
    assert CliRunner().invoke(app, ["copies", "seal"]).exit_code == 0
    assert public.read_text(encoding="utf-8") == first
    (authority_folder(fleet) / seal.KEY).unlink()
    lost = CliRunner().invoke(app, ["copies", "seal"])
    assert "nodes seal for another key" in str(lost.exception)
    assert public.read_text(encoding="utf-8") == first


def test_a_burnt_box_is_known_by_the_register_of_revoked_ones(fleet: Fleet) -> None:
    """Its copies are opened by what it once sealed; the box that replaced it has a place of its own."""
    folder = trust_folder(fleet)
    folder.mkdir(parents=True)
    (folder / KEYS).write_text(keys_text({NODES[0]: {"repository": "new"}}), encoding="utf-8")
    row = {
        "host": NODES[0],
        "since": "2026-11-27T08:00:00Z",
        "who": "lan",
        "reason": "burnt",
        "keys": {"repository": "old"},
    }
    (folder / REVOKED).write_text(revoked_text([Revoked.model_validate(row)]), encoding="utf-8")
    found = keeping.boxes(fleet, NODES[0])
    assert [(box.sealed, box.revoked) for box in found] == [("new", False), ("old", True)]
    assert len({box.place for box in found}) == 2
    assert keeping.boxes(fleet, NODES[1]) == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("drill", "phu-quoc-party", "--site", "can-tho"), "can-tho: no such site keeps copies"),
        (("drill", "rach-gia-services-1", "--site", "rach-gia"), "no such node in lab"),
        (("thin", "can-tho"), "can-tho: no such site keeps copies"),
    ],
)
def test_what_is_no_node_or_site_is_named(words: tuple[str, ...], problem: str, fleet: Fleet) -> None:
    assert fleet.environment.id == "lab"
    done = CliRunner().invoke(app, ["copies", *words])
    assert isinstance(done.exception, ProvinceError)
    assert problem in str(done.exception)
    assert done.exception.exit_code == ExitCode.USAGE
