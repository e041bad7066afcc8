"""The rules and routes of watchers before those who obey them: Prometheus' own tool, and Debian's Alertmanager at work.

Software of the big systems is not delivered, so the model is one in which six of them are (`delivered`).
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.promises import causes, promised_at

from .delivered import delivered, files_of_watcher
from .test_exports import asked, program

NO_MORE_S = 2.5
"""That nothing else is told has no moment: longer than the groups' wait of a second, in which everything is sent."""
CASES = [Path(__file__).parent / name for name in ("objective_rules.yml", "objective_days.yml")]
RULES = "/etc/prometheus/objectives.yml"


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return delivered(tmp_path_factory.mktemp("delivered"))


@pytest.fixture(scope="module")
def files(later: Fleet) -> dict[str, str]:
    return files_of_watcher(later)


def judged(rules: str, place: Path, cases: Sequence[Path] = CASES) -> subprocess.CompletedProcess[str]:
    """What Prometheus' own test of rules says."""
    (place / "objectives.yml").write_text(rules, encoding="utf-8")
    for one in cases:
        (place / one.name).write_bytes(one.read_bytes())
    return asked("promtool", "test", "rules", *(place / one.name for one in cases))


@pytest.mark.proves(96)
def test_promises_speak_when_they_must_and_are_silent_otherwise(files: dict[str, str], tmp_path: Path) -> None:
    done = judged(files[RULES], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_of_every_environment_as_it_is_today_are_taken(tmp_path: Path) -> None:
    for environment in ("production", "lab"):
        rules = tmp_path / f"{environment}.yml"
        rules.write_text(files_of_watcher(load_fleet(environment))[RULES], encoding="utf-8")
        done = asked("promtool", "check", "rules", "--lint-fatal", rules)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("vector(0.001)", "vector(0.5)", marks=pytest.mark.soak),
        ('class!="gone"', 'class!=""'),
        (":count1h >= 5", ":count1h >= 0"),
    ],
)
def test_a_rule_that_is_spoilt_is_found(files: dict[str, str], tmp_path: Path, right: str, wrong: str) -> None:
    assert right in files[RULES]
    assert judged(files[RULES].replace(right, wrong), tmp_path, CASES[:1]).returncode != 0


def test_only_what_is_delivered_is_held_to_its_promise(later: Fleet) -> None:
    held = [system.id for system in promised_at(later, later.primary_site)]
    assert {"e-office", "identity", "one-stop", "signing"} <= set(held)
    assert "culture" not in held


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Receiver(HTTPServer):
    """Takes what Alertmanager tells, as the program at the log host does."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.told += json.loads(body)["alerts"]
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)

    def names(self) -> list[str]:
        """Each notice as `alert subject`, in order of names."""
        labels = [one["labels"] for one in self.told]
        return sorted(f"{one['alertname']} {one.get('system') or one.get('host') or one.get('site')}" for one in labels)


class Alertmanager:
    """The real program with the real routes; only who is told is the test, and sooner."""

    def __init__(self, config: str, place: Path) -> None:
        self.receiver = Receiver()
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        document = yaml.safe_load(config)
        document["receivers"][0]["webhook_configs"][0]["url"] = f"http://127.0.0.1:{self.receiver.server_port}/"
        document["route"]["group_wait"] = "1s"
        file = place / "alertmanager.yml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.port = free_port()
        words = [f"--config.file={file}", f"--storage.path={place}", f"--web.listen-address=127.0.0.1:{self.port}"]
        with (place / "log").open("w") as log:
            self.process = subprocess.Popen(
                [program("prometheus-alertmanager"), *words, "--cluster.listen-address="], stdout=log, stderr=log
            )
        self._until_ready(place / "log")

    def _until_ready(self, log: Path) -> None:
        for _ in range(200):
            assert self.process.poll() is None, log.read_text(encoding="utf-8")
            try:
                assert self._ask("GET", "/-/ready") == 200
            except OSError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(log.read_text(encoding="utf-8"))

    def tell(self, *alerts: dict[str, str]) -> None:
        """All of these begin at once."""
        body = json.dumps([{"labels": one} for one in alerts]).encode()
        assert self._ask("POST", "/api/v2/alerts", body) == 200

    def _ask(self, method: str, path: str, body: bytes | None = None) -> int:
        """The status of its answer; OSError while it does not listen."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            return connection.getresponse().status

    def stop(self) -> None:
        """End the program and the receiver."""
        self.process.terminate()
        self.process.wait(10)
        self.receiver.shutdown()
        self.receiver.server_close()


@pytest.fixture
def alertmanager(files: dict[str, str], tmp_path: Path) -> Iterator[Alertmanager]:
    running = Alertmanager(files["/etc/prometheus/alertmanager.yml"], tmp_path)
    yield running
    running.stop()


def fails(system: str, alert: str = "SystemFails", site: str = "a") -> dict[str, str]:
    return {"alertname": alert, "system": system, "site": site, "severity": "page"}


def test_one_cause_is_one_notice(alertmanager: Alertmanager) -> None:
    """Who logs in by another system fails with it; so do a host's entrances with their host. All begin at once."""
    alertmanager.tell(
        fails("identity"),
        *(fails(one, alert) for one in ("e-office", "one-stop", "portal") for alert in ("SystemFails", "SystemSlow")),
        fails("identity", "SystemErrs"),
        fails("tourism"),
        fails("e-office", site="b"),
        {"alertname": "HostSilent", "host": "h", "severity": "page"},
        {"alertname": "EntranceSilent", "host": "h", "site": "c", "severity": "page"},
        {"alertname": "EntranceSilent", "host": "i", "site": "c", "severity": "page"},
    )
    time.sleep(NO_MORE_S)
    assert alertmanager.receiver.names() == [
        "EntranceSilent i",
        "HostSilent h",
        "SystemFails e-office",
        "SystemFails identity",
        "SystemFails tourism",
    ], "tourism asks nobody, and at the other site identity is well"


def test_what_fails_everywhere_is_told_as_one(alertmanager: Alertmanager) -> None:
    systems = [fails(one) for one in ("identity", "tourism", "e-office", "portal")]
    alertmanager.tell({"alertname": "ManySystemsFail", "site": "a", "severity": "page"}, *systems)
    time.sleep(NO_MORE_S)
    assert alertmanager.receiver.names() == ["ManySystemsFail a"]


def test_nobody_is_kept_silent_in_a_circle(later: Fleet) -> None:
    held = list(promised_at(later, later.primary_site))
    assert "e-office" in causes(held)["identity"]
    e_office, identity = (next(one for one in held if one.id == name) for name in ("e-office", "identity"))
    back = e_office.flows[-1].model_copy(update={"origin": "login", "to": "system/e-office/web"})
    circle = identity.model_copy(update={"flows": (*identity.flows, back)})
    assert causes([e_office, circle]) == {}
