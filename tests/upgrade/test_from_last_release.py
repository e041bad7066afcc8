"""A lab that was made by the last release is brought to this commit by the written steps, while a node is at work.

It boots a lab of its own in a clone and takes half an hour; no other lab should be up beside it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.fleet.fact import Body
from province.fleet.load import inventories_root, load_fleet
from province.fleet.site import Duty
from province.releases.change import load_history

pytestmark = [pytest.mark.lab, pytest.mark.soak]

HERE = Path(__file__).parent
CHECKOUT = inventories_root().parent
RELEASE = load_history(CHECKOUT).releases[-1]
FLEET = load_fleet("lab")
NODE = FLEET.hosts["phu-quoc-people"]
DOMAIN = FLEET.province.bodies[Body.PEOPLE].routing_domain.value
HUBS = [host.name for host in FLEET.hosts.values() if Duty.RELAY in host.duties]
COLLECTORS = [host.name for host in FLEET.hosts.values() if Duty.LOGS in host.duties and host.site == "rach-gia"]
PROGRAM, STOP, UNIT = "/run/upgrade-writer.py", "/run/upgrade-writer.stop", "upgrade-writer"
ARRIVED_S = 180
COMMANDS = ("ansible-playbook ", "province ")


class Lab:
    """A clone of this repository, in which the release is checked out first, and the lab that it boots."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.git("clone", "--quiet", str(CHECKOUT), str(place), at=CHECKOUT)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("PROVINCE_")}

    def git(self, *words: str, at: Path | None = None) -> str:
        command = ["git", "-C", str(at or self.place), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def become(self, commit: str) -> None:
        """Check a commit out, with the libraries of its lock."""
        self.git("checkout", "--quiet", commit)
        self.call("make", "setup")

    def call(self, *words: str, accept: tuple[int, ...] = (0,)) -> str:
        """What a command says; it ends as it should."""
        done = subprocess.run(words, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode in accept, f"{shlex.join(words)}: {done.returncode}\n{said[-6000:]}"
        return said

    def province(self, *words: str, accept: tuple[int, ...] = (0,)) -> str:
        return self.call(".venv/bin/province", *words, accept=accept)

    def step(self, step: str) -> None:
        """A step as it is written; the number of hosts that shall change is said as the plan tells it.

        What begins with no command is for a person, who knows whether it is due; nothing of it is in a new lab.
        """
        if not step.startswith(COMMANDS):
            print(f"for a person: {step}")
            return
        words = shlex.split(step)
        inside = words if words[0] != "province" else [".venv/bin/province", *words[1:]]
        inside = [word if word != "ansible-playbook" else ".venv/bin/ansible-playbook" for word in inside]
        if words[:2] == ["province", "apply"]:
            told = self.province(*words[1:], accept=(0, 2))
            if asked := re.search(r"repeat it with (--yes-hosts) (\d+)", told):
                self.province(*words[1:], *asked.groups())
        elif words[0] == "province":
            self.call(*inside)
        else:
            self.province("lab", "run", "--", *inside, "-i", "inventories/lab")

    def ssh(self, host: str, command: str, given: str | None = None) -> str:
        words = [".venv/bin/province", "lab", "run", "--", "ssh", host, command]
        done = subprocess.run(
            words, cwd=self.place, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{host}: {command}: {done.stderr}"
        return done.stdout


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("upgrade") / "clone")
    yield made
    made.province("lab", "down")


def copied(lab: Lab, hub: str) -> list[int]:
    """The documents of the writer that a hub has, in its order."""
    program = (HERE / "reader.py").read_text(encoding="utf-8")
    found: list[int] = json.loads(lab.ssh(hub, f"sudo python3 - {DOMAIN} {NODE.name}", program))
    return found


def lines(lab: Lab, collector: str) -> set[int]:
    """The lines of the writer that a collector has."""
    found = lab.ssh(collector, r"sudo grep -rhoE 'upgrade-[0-9]{6}' /var/log/hosts || true")
    return {int(line.removeprefix("upgrade-")) for line in found.split()}


def until(lab: Lab, what: str, last: int) -> None:
    """Wait until the last document and the last line have arrived."""
    end = time.monotonic() + ARRIVED_S
    while not (all(last in copied(lab, hub) for hub in HUBS) and all(last in lines(lab, one) for one in COLLECTORS)):
        assert time.monotonic() < end, f"not within {ARRIVED_S} s: {what}"
        time.sleep(5)


def test_the_written_steps_lead_here_and_nothing_is_lost_on_the_way(lab: Lab) -> None:
    lab.become(RELEASE.commit)
    lab.province("up")
    lab.ssh(NODE.name, f"sudo tee {PROGRAM}", (HERE / "writer.py").read_text(encoding="utf-8"))
    lab.ssh(NODE.name, f"sudo systemd-run --quiet --collect --unit={UNIT} python3 {PROGRAM} {DOMAIN} {STOP}")

    lab.become(lab.git("rev-parse", "HEAD", at=CHECKOUT).strip())
    steps = json.loads(lab.province("release", "plan", "--from", RELEASE.version, "--json"))["steps"]
    assert steps
    for step in steps:
        lab.step(step)
    lab.province("up")
    assert "nothing changed" in lab.province("up")

    lab.ssh(NODE.name, f"sudo touch {STOP}; while systemctl is-active --quiet {UNIT}; do sleep 0.2; done")
    said = lab.ssh(NODE.name, f"sudo journalctl --output=cat --unit={UNIT} --grep='^[0-9]+$' --lines=1")
    last = int(said.split()[-1])
    until(lab, f"document and line {last}", last)
    for hub in HUBS:
        assert copied(lab, hub) == list(range(1, last + 1)), f"{hub}: once each and in order"
    for collector in COLLECTORS:
        assert lines(lab, collector) == set(range(1, last + 1)), collector
    print(f"{last} documents and {last} lines while {RELEASE.version} became what lies here")
