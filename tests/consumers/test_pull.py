"""Nodes without a controller: real nginx, TLS and OpenSSH signatures, and the transaction that a controller uses."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from province.ops.node_wire import code_digest, sources
from tests.unit.node_in_folder import node_side

from .boxes import bare_box, may_make_boxes
from .copies_nodes import asked
from .pull_nodes import (
    DAY_S,
    HOUR_S,
    NEAR,
    NODE,
    OTHER,
    WANTED,
    Puller,
    bundles,
    link_code,
    pull,
    puller,
)

guard, journal, recovery = map(node_side, ("guard", "journal", "recovery"))


def test_a_node_without_a_controller_gets_there_and_a_second_pull_changes_nothing(away: Puller) -> None:
    away.publish(away.text("new\n"))
    assert away.pull() == ("applied", f"create {WANTED}")
    assert away.host.read(WANTED) == "new\n"
    number = away.said["applied"]
    assert (away.said["newest"], away.said["tries"]) == (number, 0)
    applied = json.loads(away.host.read("/var/lib/province/applied.json"))
    assert (applied["controller"], applied["reason"]) == (f"pull {number}", "tests")
    away.alone_for(2 * DAY_S)
    before = away.etc()
    assert away.pull() == ("unchanged", "nothing differs")
    assert away.etc() == before


def test_what_somebody_changed_by_hand_is_mended_while_no_controller_is_there(away: Puller) -> None:
    link_code(away)
    away.publish(away.text("new\n", made=time.time() - 3 * DAY_S))
    away.alone_for(4 * DAY_S)
    assert away.pull()[0] == "applied"
    away.host.write(WANTED, "by hand\n")
    away.alone_for(2 * DAY_S)
    assert away.pull() == ("applied", f"change {WANTED}")
    assert away.host.read(WANTED) == "new\n"


def test_a_controller_comes_first(away: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was here lately; it is at work; its change waits; what it left is newer than the bundle."""
    away.publish(away.text("new\n"))
    before = away.etc()
    with away.host.alone("somebody"):
        state, why = away.pull()
    assert (state, "another transaction is at work on this host: somebody" in why) == ("waits", True)
    monkeypatch.setattr(guard, "connection", lambda: "192.0.2.1 1 192.0.2.2 22")
    away.host.path("/var/lib/province").mkdir(parents=True, exist_ok=True)
    away.ask({"verb": "generations"})
    monkeypatch.setattr(guard, "connection", lambda: "")
    for _ in range(2):
        state, why = away.pull()
        assert (state, "a controller was here" in why) == ("waits", True), why
    plan, tag = json.loads(away.host.read(pull.PLAN)), away.said["tag"]
    assert bundles.fetch(away.host, plan, plan["doors"][0], tag).same, "what is known is not sent again"
    away.alone_for(DAY_S + HOUR_S)
    away.lay(away.text("old\n", made=time.time() - 3 * DAY_S).encode())
    away.host.path(pull.MEMORY).unlink()
    state, why = away.pull()
    assert (state, "older than what a controller saw" in why) == ("waits", True), why
    assert set(away.etc()) - set(before) <= {str(away.host.path("/var/lib/province/contact"))}
    assert away.host.read(WANTED) == ""


def test_what_may_cut_the_node_off_is_confirmed_over_a_new_connection_to_a_site(away: Puller) -> None:
    away.publish(away.text("new\n", guarded=True))
    asked_for: list[dict[str, Any]] = []
    answer = away.ask

    def listening(request: dict[str, Any]) -> dict[str, Any]:
        asked_for.append(request)
        return answer(request)

    told = pull.pull(away.host, listening)
    assert told.state == "applied", told
    assert [one["verb"] for one in asked_for] == ["apply", "confirm"]
    first, second = (one["connection"] for one in asked_for)
    assert first != second, "the connection by which it came says nothing about the next one"
    assert journal.read(away.host) is None


def test_a_node_that_is_cut_off_goes_back_and_does_not_try_again(away: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "PAUSE", 0.05)
    plan = json.loads(away.host.read(pull.PLAN))
    away.host.write(pull.PLAN, json.dumps(plan | {"confirm_s": 1}))
    away.publish(away.text("new\n", guarded=True))
    answer = away.ask

    def cutting(request: dict[str, Any]) -> dict[str, Any]:
        done = answer(request)
        for site in away.copies.sites.values():
            site.stop()
        return done

    try:
        told = pull.pull(away.host, cutting)
    finally:
        for site in away.copies.sites.values():
            site.start()
    assert (told.state, "goes back by itself" in told.why) == ("unconfirmed", True), told
    assert any(call.startswith("systemd-run") for call in away.host.calls), "the timer is there"
    recovery.when_time_is_up(away.host, journal.read(away.host).generation)
    assert (away.host.read(WANTED), away.host.read("/var/lib/province/applied.json")) == ("", "")
    away.alone_for(2 * DAY_S)
    state, why = away.pull()
    assert (state, "a newer one is" in why) == ("failed", True), why
    away.publish(away.text("newer\n", made=time.time() - HOUR_S))
    assert away.pull()[0] == "applied"


def test_a_change_that_fails_is_put_back_and_given_up_after_three_tries(away: Puller) -> None:
    text = away.text("new\n")
    away.host.path(WANTED).mkdir()
    away.publish(text)
    states = [away.pull() for _ in range(4)]
    assert {state for state, _ in states} == {"failed"}
    assert "was tried 3 times" in states[-1][1]
    assert away.host.path(WANTED).is_dir()


def test_a_batch_waits_for_its_turn(away: Puller) -> None:
    now = int(time.time())
    away.publish(away.text("new\n", times=((now - 2 * HOUR_S, now - HOUR_S), (now + HOUR_S, now + DAY_S))))
    state, why = away.pull()
    assert (state, why.startswith("its turn comes in 3")) == ("waits", True), why
    assert away.host.read(WANTED) == ""


def test_the_door_gives_each_node_its_own_and_others_nothing(away: Puller) -> None:
    away.publish(away.text("new\n"))
    other = puller(away.copies, OTHER, away.signer)
    assert other.pull() == ("none", "no site has a bundle for this node")
    for path in (f"/{NODE}", f"/bundle/../{NODE}", f"/bundle/{NODE}", f"/bundle?{NODE}x/../{NODE}"):
        assert asked(away.copies, other.node, "GET", path) in {403, 404}, path
    assert asked(away.copies, other.node, "PUT", "/bundle") == 403
    assert asked(away.copies, away.node, "GET", "/bundle") == 200


def test_a_site_takes_nothing_older_and_nothing_that_is_none(away: Puller) -> None:
    old, new = (away.text("x\n", made=time.time() - hours * HOUR_S) for hours in (20, 10))
    away.publish(new)
    told = json.loads(away.keeper(NEAR, "put", json.dumps({NODE: old, OTHER: new, "../x": new, "a": "{}"})))
    assert "is not newer" in told.pop(NODE)
    assert told == {OTHER: f"it is for {NODE}", "../x": "this is no node's name", "a": "this is no bundle"}
    assert json.loads(away.keeper(NEAR, "put", json.dumps({NODE: new}))) == {NODE: ""}, "again is no fault"
    assert list(json.loads(away.keeper(NEAR, "list"))) == [NODE]
    assert json.loads(away.keeper(NEAR, "drop", NODE, OTHER)) == {NODE: True, OTHER: False}
    assert away.pull()[0] == "applied", "the other site has it still"


BOX = """
set -e
mount -t tmpfs tmpfs /usr/local/lib
mkdir -p /usr/local/lib/province-node
cp -r /older /usr/local/lib/province-node/older
ln -s older /usr/local/lib/province-node/current
pull() { /usr/bin/python3 -IS /usr/local/lib/province-node/current pull; }
pull
readlink /usr/local/lib/province-node/current
touch -d '2 days ago' /var/lib/province/applied.json
pull
"""
"""What the timer runs, twice, on a box whose code is older than the bundle's."""


@pytest.mark.skipif(not may_make_boxes(), reason="a box needs a root of its own: run as root, as CI does")
def test_a_box_takes_the_bundle_s_newer_code_and_its_state_through_the_program_that_the_timer_runs(
    away: Puller, tmp_path: Path
) -> None:
    box = bare_box(tmp_path / "box", 0)
    for folder in ("etc/ssl/province", "etc/province-pull"):
        shutil.copytree(away.host.path(folder), box.root / folder)
    (box.root / "etc/hosts").write_text("127.0.0.1 localhost\n", encoding="utf-8")
    for name, text in sources().items():
        place = box.root / "older" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{text}# older\n", encoding="utf-8")
    away.publish(away.text("new\n"))
    done = box.run("sh", "-c", BOX)
    assert done.stdout.splitlines() == [f"applied: create {WANTED}", code_digest(), "unchanged: nothing differs"], done
    assert (box.root / WANTED[1:]).read_text(encoding="utf-8") == "new\n"
