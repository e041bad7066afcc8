"""Roll-outs over real hosts: a plan touches nothing, a run goes batch by batch, a killed controller is no disaster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from province.fleet.load import load_fleet
from province.ops.node_ssh import SshContact
from province.ops.node_wire import ask, request
from province.ops.workplace import Workplace
from province.rollout import journal
from province.rollout.controller import runs_of
from province.rollout.entries import End

from .conftest import CHECKOUT, PATIENCE, Command, parsed

pytestmark = pytest.mark.lab

NODES = ("an-minh-party", "long-xuyen-party", "phu-quoc-party")
"""Two canaries, and an island last."""
WHY = ("--reason", "lab test", "--ticket", "LAB-1", "--soak", "0")
SPOIL = "echo '# spoilt' | sudo tee -a /etc/motd"
FLEET = load_fleet("lab")


def applied(node: str) -> Any:
    """What a node says of its last application."""
    return ask(SshContact(FLEET, node), request("status"))["applied"]


def runs() -> Path:
    return runs_of(Workplace.of(FLEET))


@pytest.fixture
def spoilt(province: Command) -> dict[str, int]:
    """Nodes on each of which a file differs, and their generations."""
    for node in NODES:
        assert province("lab", "ssh", node, "--", SPOIL).returncode == 0
    return {node: applied(node)["generation"] for node in NODES}


def test_a_plan_groups_what_would_change_and_touches_nothing(province: Command, spoilt: dict[str, int]) -> None:
    told = parsed(province("apply", *NODES, "--check", "--json"))
    (group,) = told["groups"]
    assert group["hosts"] == [node for node in FLEET.hosts if node in NODES]
    assert group["changes"] == ["change /etc/motd"]
    assert {node: applied(node)["generation"] for node in NODES} == spoilt
    refused = province("apply", *NODES, *WHY)
    assert refused.returncode == 2
    assert "--yes-hosts 3" in refused.stderr


def test_a_run_goes_batch_by_batch_and_a_second_one_changes_nothing(province: Command, spoilt: dict[str, int]) -> None:
    done = province("apply", *NODES, *WHY, "--yes-hosts", "3", "--json")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    run = journal.read_run(journal.find(runs(), parsed(done)["run"]))
    assert [(batch.plan.stage, len(batch.good)) for batch in run.batches] == [("canary", 2), ("islands-party", 1)]
    for node, generation in spoilt.items():
        now = applied(node)
        assert now["generation"] == generation + 1
        assert now["reason"] == f"LAB-1 lab test [run {run.id}]"
    again = province("apply", *NODES, *WHY)
    assert again.returncode == 0, again.stderr
    assert "3 as declared   0 differ" in again.stdout
    assert (
        f"as declared, by run {journal.read_run(journal.find(runs(), 'last')).id}" in province("why", NODES[0]).stdout
    )


@pytest.mark.soak
@pytest.mark.parametrize("verb", [("apply", "--resume"), ("runs", "abort")])
def test_a_controller_that_was_killed_leaves_a_run_that_goes_on_or_back(
    province: Command, ansible: Command, spoilt: dict[str, int], verb: tuple[str, ...]
) -> None:
    before = journal.folders(runs())
    words = [sys.executable, "-m", "province", "apply", *NODES, *WHY, "--yes-hosts", "3"]
    with subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as controller:
        deadline = time.monotonic() + PATIENCE
        while not (begun := [one for one in journal.folders(runs()) if one not in before]) or not any(
            batch.begun for batch in journal.read_run(begun[0]).batches
        ):
            assert time.monotonic() < deadline, "no batch has begun"
            time.sleep(0.05)
        os.kill(controller.pid, signal.SIGKILL)
    refused = province("apply", *NODES, *WHY, "--yes-hosts", "3")
    assert refused.returncode == 1
    assert "killed" in refused.stderr or "its controller is gone" in refused.stderr
    done = province(*verb)
    run = journal.read_run(begun[0])
    assert run.ended, done.stderr
    assert run.ended.end is (End.DONE if verb[0] == "apply" else End.ABORTED)
    assert ansible("baseline", "--limit", ",".join(NODES)).returncode == 0
    assert {node: applied(node)["generation"] for node in NODES} == {node: one + 1 for node, one in spoilt.items()}
