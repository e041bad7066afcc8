"""Bundles in the model and at the controller: rules that fit, nearest door first, turns, what is refused."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from province.cli import app
from province.cli import pull as verbs
from province.errors import ExitCode, ProvinceError
from province.fleet.calendar import LOCAL
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.pull import Pull, open_spans
from province.manifest.build import Builder
from province.manifest.manifest import Manifest
from province.manifest.trust import stand_in
from province.ops import pull as pulling
from province.verify.signature import Signer
from tests.unit.node_in_folder import wanted

MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=LOCAL)
NODE = "phu-quoc-party"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("production")


class Unsigned(Signer):
    """Who signs is not the matter here; `tests/consumers/test_pull.py` has real signatures."""

    def sign(self, data: bytes, namespace: str = "") -> str:
        return f"{namespace} over {len(data)} bytes"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"silent_hours": 1}, "silent_hours: 1 is less than two looks of 60 min"),
        ({"valid_days": 1}, "valid_days: 1 is over before a controller was 24 hours away"),
        ({"every_minutes": 1}, "greater than or equal to 5"),
        ({"step_hours": 0}, "greater than 0"),
    ],
)
def test_rules_that_do_not_fit_together_are_an_error(change: dict[str, object], problem: str, fleet: Fleet) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        Pull.model_validate({**fleet.province.pull.model_dump(mode="json"), **change})


def test_every_node_asks_the_nearest_site_first_and_only_nodes_ask(fleet: Fleet) -> None:
    """Phú Quốc lies off Rạch Giá, Vĩnh Xương behind Long Xuyên."""
    builder = Builder(fleet, stand_in(fleet))
    first = {}
    for name in (NODE, "vinh-xuong-people"):
        plan = json.loads(builder.build(fleet.hosts[name]).files["/etc/province-pull/plan.json"].content)
        assert len(plan["doors"]) == 2
        first[name] = re.search("https://(.*)-services-1", plan["doors"][0])[1]  # type: ignore[index]
    assert first == {NODE: "rach-gia", "vinh-xuong-people": "long-xuyen"}
    gateway = builder.build(fleet.hosts["rach-gia-gateway-1"])
    assert not [path for path in gateway.files if "province-pull" in path]


def test_spans_are_what_the_calendar_leaves_open() -> None:
    hours = [3, 4, 7]
    spans = open_spans(lambda at: at.hour not in hours, 0, 8 * 3600)
    assert spans == ((3 * 3600, 5 * 3600), (7 * 3600, 8 * 3600))
    assert open_spans(lambda _: True, 0, 3600) == ()
    assert open_spans(lambda _: False, 90, 3600) == ((90, 3600),)


def test_batches_begin_one_after_the_other_in_the_windows_of_nodes(fleet: Fleet) -> None:
    """Canaries first, islands last, both bodies of a commune never at once; Tuesday evening is the first window."""
    nodes = [one for one in fleet.hosts.values() if one.commune]
    turns = dict(pulling.plan(fleet, nodes, MONDAY))
    assert set(turns) == {one.name for one in nodes}
    begins = [spans[0][0] for spans in turns.values()]
    assert begins == sorted(begins)
    tuesday = MONDAY.replace(day=1, month=12, hour=18)
    assert min(begins) == tuesday.timestamp()
    for at, until in (span for spans in turns.values() for span in spans):
        assert 18 <= datetime.fromtimestamp(at, LOCAL).hour < 22
        assert until - at <= 4 * 3600
    lab = load_fleet("lab")
    (only,) = dict(pulling.plan(lab, [lab.hosts[NODE]], MONDAY)).values()
    made = int(MONDAY.timestamp())
    assert only == ((made, made + lab.province.pull.valid_days * 86400),), "no calendar holds in the lab"
    with pytest.raises(ProvinceError, match="only nodes of communes pull"):
        list(pulling.plan(fleet, [fleet.hosts["rach-gia-gateway-1"]], MONDAY))


def test_a_bundle_holds_all_that_a_node_needs_and_the_same_makes_the_same(fleet: Fleet) -> None:
    builder, signer = Builder(fleet, stand_in(fleet)), Unsigned(Path(), "automation")
    made = [dict(pulling.bundles(builder, [(NODE, ((1, 2),))], signer, MONDAY, "why")) for _ in range(2)]
    assert made[0] == made[1]
    said = json.loads(json.loads(made[0][NODE])["bundle"])
    held = json.loads(zlib.decompress(base64.b64decode(said["request"]["packed"])))
    assert wanted.digest(held["manifest"]) == said["digest"]
    assert "province_node/pull.py" in held["sources"]
    assert len(made[0][NODE]) < 400_000


def test_a_secret_or_a_node_that_waits_makes_no_bundle(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    builder, signer = Builder(fleet, stand_in(fleet)), Unsigned(Path(), "automation")
    whole = builder.build(fleet.hosts[NODE])
    path, file = next(iter(whole.files.items()))

    def made(manifest: Manifest) -> str:
        monkeypatch.setattr(builder, "build", lambda _: manifest)
        with pytest.raises(ProvinceError) as caught:
            list(pulling.bundles(builder, [(NODE, ())], signer, MONDAY, ""))
        return str(caught.value)

    assert f"{path} is secret" in made(replace(whole, files={path: replace(file, secret=True)}))
    assert "a bundle now would lack it" in made(replace(whole, waiting={"pull": ("certificate",)}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Hosts of the lab: one site is out of reach, nodes tell what they are set to tell."""
    seen: list[tuple[str, tuple[str, ...]]] = []
    states = {
        NODE: {"state": "refused", "time": 0, "why": "it is over"},
        "phu-quoc-people": {"state": "none", "time": 0, "why": "no site has a bundle for this node"},
    }

    def ask(host: str, words: Sequence[str], given: str) -> str:
        seen.append((host, tuple(words[len(pulling.KEEPER) :])))
        if host == "long-xuyen-services-1":
            raise ConnectionError("connect to host: no route")
        if host in states:
            return json.dumps(states[host])
        return json.dumps(
            {"put": dict.fromkeys(json.loads(given or "{}"), ""), "drop": {NODE: True}, "list": {}}[words[3]]
        )

    monkeypatch.setattr(verbs, "over_ssh", lambda _: ask)
    monkeypatch.setattr(verbs, "load_trust", stand_in)
    monkeypatch.setattr(verbs, "signer_of", lambda _: Unsigned(Path(), load_fleet("lab").environment.automation.name))
    return seen


def test_publishing_is_only_said_unless_told_and_a_site_out_of_reach_is_named(
    asked: list[tuple[str, tuple[str, ...]]],
) -> None:
    words = ["node", "pull", "publish", "phu-quoc", "--reason", "OPS-1"]
    said = CliRunner().invoke(app, words)
    assert (said.exit_code, asked) == (0, [])
    assert "nothing was published" in said.output
    done = CliRunner().invoke(app, [*words, "--yes"])
    assert done.exit_code == ExitCode.UNREACHABLE, done.output
    assert re.search(r"rach-gia +2 of 2 bundles", done.output)
    assert re.search(r"long-xuyen +0 of 2 bundles\n  long-xuyen: connect to host: no route", done.output)
    assert asked == [("long-xuyen-services-1", ("put",)), ("rach-gia-services-1", ("put",))]


def test_withdrawing_is_only_said_unless_told(asked: list[tuple[str, tuple[str, ...]]]) -> None:
    said = CliRunner().invoke(app, ["node", "pull", "withdraw", NODE])
    assert (said.exit_code, asked) == (0, [])
    done = CliRunner().invoke(app, ["node", "pull", "withdraw", NODE, "--yes"])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert re.search(r"rach-gia +1 withdrawn", done.output)


def test_a_node_that_refused_is_a_failure(asked: list[tuple[str, tuple[str, ...]]]) -> None:
    told = CliRunner().invoke(app, ["node", "pull", "status", "phu-quoc"])
    assert told.exit_code == ExitCode.FAILED
    assert re.search(rf"{NODE} +refused +1970-01-01 00:00  it is over", told.output)
    well = CliRunner().invoke(app, ["node", "pull", "status", "phu-quoc-people"])
    assert well.exit_code == ExitCode.UNREACHABLE, "one site is"
    assert asked


def test_who_may_not_sign_is_told_so(asked: list[tuple[str, tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "signer_of", lambda _: Unsigned(Path(), "somebody"))
    done = CliRunner().invoke(app, ["node", "pull", "publish", NODE, "--reason", "x", "--yes"])
    assert isinstance(done.exception, ProvinceError)
    assert done.exception.exit_code == ExitCode.MACHINE
    assert asked == []
