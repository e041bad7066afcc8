"""Operators' actions as they are typed, over hosts that are made up and the real journal, lock and conductor."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from province.bundle.sums import faults
from province.errors import ExitCode, ProvinceError
from province.fleet.load import load_fleet
from province.locking import Holder, hold
from province.ops.actions import runbook
from province.ops.actions.action import Action, batches
from province.ops.actions.catalogue import ACTIONS, action_of
from province.ops.actions.remote import Done
from province.ops.actions.restart_service import RestartService
from province.rollout.controller import all_runs
from province.rollout.history import pending, why

from .action_world import Desk, desk_at

WHY = ("--reason", "it hangs", "--ticket", "OPS-114", "--go")
NODES = ("phu-quoc-party", "phu-quoc-people")
CHRONY = ("op", "restart-service", *NODES, "--service", "chrony")
DRAIN = ("op", "drain-node", "rach-gia-control-plane-1")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return desk_at(tmp_path, monkeypatch)


def test_nothing_is_done_without_go(desk: Desk) -> None:
    code, said = desk(*CHRONY)
    assert (code, desk.hosts.restarts) == (0, {})
    assert "would restart chrony.service, which is active\n  2 hosts: phu-quoc-party phu-quoc-people" in said
    assert "nothing was changed" in said
    assert not desk.runs.exists()
    assert json.loads(desk(*CHRONY, "--json")[1])["would"][0]["hosts"] == list(NODES)


def test_it_is_done_with_reason_and_number_batch_after_batch(desk: Desk) -> None:
    assert desk(*CHRONY, "--go")[0] == ExitCode.USAGE
    code, said = desk(*CHRONY, *WHY)
    assert (code, desk.hosts.restarts) == (ExitCode.USAGE, {})
    assert "--yes-hosts 2" in said
    code, said = desk(*CHRONY, *WHY, "--yes-hosts", "2")
    assert (code, desk.hosts.restarts) == (0, dict.fromkeys(NODES, 1))
    assert "done; 2 done and healthy" in said
    (run,) = all_runs(desk.runs)
    assert (run.begun.verb, run.begun.arguments, len(run.batches)) == ("restart-service", {"service": "chrony"}, 2)
    assert "restart-service service=chrony OPS-114 it hangs" in desk("runs")[1]
    assert "apply: changed  restarted chrony.service; it is active" in "\n".join(why([run], NODES[0]))


def test_a_service_that_stays_down_ends_the_run_and_the_untouched_are_named(desk: Desk) -> None:
    desk.hosts.dies = set(NODES)
    code, said = desk(*CHRONY, *WHY, "--yes-hosts", "2")
    assert code == ExitCode.FAILED
    assert sum(desk.hosts.restarts.values()) == 1
    left = next(one for one in NODES if not desk.hosts.restarts[one])
    assert f"untouched    {left}" in said
    assert "chrony.service is failed (exit-code)" in said
    assert "restart-service cannot be undone" in said


def test_one_host_that_must_not_be_treated_so_stops_all(desk: Desk) -> None:
    desk.hosts.without = {NODES[1]}
    code, said = desk(*CHRONY, *WHY, "--yes-hosts", "1")
    assert (code, desk.hosts.restarts) == (ExitCode.FAILED, {})
    assert f"{NODES[1]}: has no chrony.service (not-found)" in said


def test_a_host_out_of_reach_is_told_of_and_never_counted_as_done(desk: Desk) -> None:
    desk.hosts.away = {NODES[1]}
    assert desk(*CHRONY)[0] == ExitCode.UNREACHABLE
    code, said = desk(*CHRONY, *WHY, "--yes-hosts", "1")
    assert code == ExitCode.UNREACHABLE
    assert "1 done and healthy, 1 out of reach" in said
    assert pending(all_runs(desk.runs)) == {}


@pytest.mark.parametrize(("service", "said"), [("ssh", "may cut hosts off"), ("a; reboot", "is no name of a service")])
def test_services_that_must_not_be_restarted_so(desk: Desk, service: str, said: str) -> None:
    assert said in desk("op", "restart-service", *NODES, "--service", service)[1]
    assert desk.hosts.asked == []


def test_a_node_is_emptied_and_taken_in_again(desk: Desk) -> None:
    desk.hosts.node("rach-gia-control-plane-1", "e-office/web-0", "e-office/db-1")
    desk.hosts.node("rach-gia-worker-1")
    code, said = desk(*DRAIN)
    assert (code, "would move 2 pods off" in said) == (0, True)
    code, said = desk(*DRAIN, *WHY, "--yes-hosts", "1")
    assert (code, "1 done and healthy" in said) == (0, True)
    assert desk.hosts.nodes["rach-gia-control-plane-1"]["spec"]["unschedulable"]
    assert "nothing to do on 1 hosts" in desk(*DRAIN)[1]
    assert desk("op", "undrain-node", "rach-gia-control-plane-1", *WHY, "--yes-hosts", "1")[0] == 0
    assert not desk.hosts.nodes["rach-gia-control-plane-1"]["spec"]["unschedulable"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"ready": False}, "no other node of its cluster is ready"),
        ({"taint": "NoSchedule"}, "no other node of its cluster is ready"),
    ],
)
def test_a_node_is_not_drained_when_nobody_can_take_its_pods(desk: Desk, other: dict[str, str], said: str) -> None:
    desk.hosts.node("rach-gia-control-plane-1", "e-office/web-0")
    desk.hosts.node("rach-gia-worker-1", **other)  # type: ignore[arg-type]
    code, told = desk(*DRAIN, *WHY, "--yes-hosts", "1")
    assert (code, said in told) == (ExitCode.FAILED, True)
    assert "unschedulable" not in desk.hosts.nodes["rach-gia-control-plane-1"]["spec"]


def test_only_one_node_of_a_cluster_is_drained_at_a_time(desk: Desk) -> None:
    desk.hosts.node("rach-gia-control-plane-1", "e-office/web-0")
    desk.hosts.node("rach-gia-worker-1")
    desk.hosts.node("rach-gia-worker-2")
    desk.hosts.nodes["rach-gia-worker-2"]["spec"]["unschedulable"] = True
    assert "rach-gia-worker-2 is drained already" in desk(*DRAIN)[1]
    assert "at most 1 hosts" in desk("op", "drain-node", "control-plane")[1]
    assert "is a edge and no node of a cluster" in desk("op", "drain-node", NODES[0])[1]


def test_a_drain_that_nobody_lets_through_opens_the_node_again(desk: Desk) -> None:
    desk.hosts.node("rach-gia-control-plane-1", "e-office/web-0")
    desk.hosts.node("rach-gia-worker-1")
    desk.hosts.stuck = True
    code, said = desk(*DRAIN, *WHY, "--yes-hosts", "1")
    assert (code, "it takes pods again" in said) == (ExitCode.FAILED, True)
    assert not desk.hosts.nodes["rach-gia-control-plane-1"]["spec"]["unschedulable"]


class ThisMachine:
    """Every host is the machine that runs the test: the commands are real."""

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        assert host
        try:
            done = subprocess.run(list(words), capture_output=True, timeout=seconds, text=True, check=False)
        except FileNotFoundError as error:
            return Done(127, "", str(error))
        return Done(done.returncode, done.stdout, done.stderr)


def test_evidence_is_brought_with_checksums_and_a_changed_byte_is_found(desk: Desk) -> None:
    desk.remote = ThisMachine()
    code, said = desk("op", "collect-evidence", NODES[0], *WHY, "--yes-hosts", "1")
    assert (code, "1 done and healthy" in said) == (0, True)
    (kept,) = desk.runs.glob(f"*/kept/{NODES[0]}")
    assert faults(kept) == []
    assert (kept / "processes.txt").read_text(encoding="utf-8")
    (kept / "time.txt").write_text("yesterday", encoding="utf-8")
    assert [one.file for one in faults(kept)] == ["time.txt"]


def test_urgent_verbs_wait_for_nobody_and_are_in_nobodys_way(desk: Desk) -> None:
    desk.remote = ThisMachine()
    with hold(desk.runs / "lock", Holder.this_process("a roll-out")):
        assert desk("op", "collect-evidence", NODES[0], *WHY, "--yes-hosts", "1")[0] == 0
        assert "another controller is at work" in desk(*CHRONY, *WHY, "--yes-hosts", "2")[1]
    assert {verb for verb, action in ACTIONS.items() if action.urgent} >= {"collect-evidence"}


def test_batches_keep_to_their_limit() -> None:
    fleet = load_fleet("production")
    found = batches(action_of("restart-service", {"service": "chrony"}), fleet, list(fleet.hosts.values()), 7)
    assert max(len(one.hosts) for one in found) == 7
    assert sorted(host for one in found for host in one.hosts) == sorted(fleet.hosts)


def test_a_verb_without_a_way_back_in_its_docstring_is_no_verb() -> None:
    class Silent(RestartService):
        """Do something.

        When: always.
        """

    with pytest.raises(ProvinceError, match="Blast radius, Way back"):
        runbook.parts(Silent)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=list(ACTIONS))
def test_every_runbook_is_what_the_verb_says_of_itself(action: type[Action]) -> None:
    path = Path(__file__).parents[2] / "docs" / "runbooks" / f"op-{action.verb}.md"
    assert path.read_text(encoding="utf-8") == runbook.text(action), "province op runbooks --write"
