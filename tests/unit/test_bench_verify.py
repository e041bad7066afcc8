"""The benchmark of verification: what it reads of a run, and the client configurations that it compares."""

from __future__ import annotations

from bench.verify import measure
from province.verify.batch import Answers
from province.verify.snapshot import Said, Snapshot, Stamp


def test_round_trips_are_read_from_what_a_run_prints() -> None:
    answers = Answers()
    answers.add({"a": Snapshot("b", Stamp(), Stamp(), 1e12, {"true": Said(0, b"", b"")})}, 3.25)
    answers.find("a", "true")
    answers.find("a", "false")
    found = measure.TRIPS.search(f"transport    {answers.summary}\n")
    assert found
    assert found.groups() == ("3.2", "1")


def test_ssh_as_shipped_shares_no_connection() -> None:
    text = "Host *\n    User ops\n    ControlMaster auto\n    ControlPath /run/%C\n    ControlPersist 9\n    Port 22\n"
    assert measure.SHARED.sub("", text) == "Host *\n    User ops\n    Port 22\n"
