"""The page of runs, asked as a browser would: read only, from this machine only, told of every new line."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from province.rollout.conduct import conduct
from province.rollout.entries import AnyEntry
from province.rollout.journal import FILE, FileJournal
from province.rollout.page import FILES, RunsServer
from province.rollout.state import Run

from .rollout_world import World, begun

NASTY = "<script>alert(1)</script>"


def nobody(_: Run, __: AnyEntry) -> None: ...


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunsServer]:
    made = RunsServer(tmp_path)
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.stop()
    thread.join()


def asked(server: RunsServer, path: str, method: str = "GET", host: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    return connection.getresponse()


def news(events: http.client.HTTPResponse) -> Any:
    """The next event's data."""
    lines: list[str] = []
    while not lines or lines[-1]:
        lines.append(events.readline().decode().rstrip("\n"))
    assert lines[0] == "event: runs", lines
    return json.loads(lines[1].removeprefix("data: "))


def test_a_browser_is_told_of_a_run_while_it_goes_on(server: RunsServer, tmp_path: Path) -> None:
    events = asked(server, "/events")
    assert events.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert news(events) == []
    opened = FileJournal.begin(tmp_path, begun(("a", "b"), reason=NASTY), nobody)
    assert [(run["run"], run["state"], run["reason"]) for run in news(events)] == [("aaaaaa", "not ended", NASTY)]
    conduct(opened, World(away={"b"}))
    while (last := news(events)[0])["state"] != "done":
        pass
    assert last["hosts"]["b"]["standing"] == "pending"


@pytest.mark.parametrize("path", [*FILES, "/runs.json"])
def test_every_part_is_served_with_a_policy_that_lets_nothing_in(server: RunsServer, path: str) -> None:
    answer = asked(server, path)
    assert answer.status == 200
    assert answer.read()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_nothing_is_taken_for_markup() -> None:
    script = (Path(__file__).resolve().parents[2] / "templates/reports/runs/page.js").read_text(encoding="utf-8")
    assert "innerHTML" not in script
    assert "insertAdjacentHTML" not in script


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/../journal.jsonl", "GET", "", 404),
        ("/runs", "GET", "", 404),
        ("/", "POST", "", 501),
        ("/runs.json", "GET", "evil.example:8092", 421),
        ("/runs.json", "GET", "localhost:8092", 200),
    ],
)
def test_anything_else_is_refused(server: RunsServer, path: str, method: str, host: str, status: int) -> None:
    assert asked(server, path, method, host).status == status


def test_only_this_machine_is_listened_to(server: RunsServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_journal_that_cannot_be_read_stands_in_its_place(server: RunsServer, tmp_path: Path) -> None:
    opened = FileJournal.begin(tmp_path, begun(("a",)), nobody)
    (opened.folder / FILE).write_text("nonsense\n", encoding="utf-8")
    (told,) = json.loads(asked(server, "/runs.json").read())
    assert told["state"] == "unreadable"
    assert "line 1" in told["why"]
