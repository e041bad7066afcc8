"""In which order hosts are configured, and how many at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.ops.whole_job import configure
from province.ops.workplace import Outcome, Workplace


@dataclass(frozen=True)
class Desk(Workplace):
    """Remembers commands and does none of them."""

    asked: list[list[str]] = field(default_factory=list)

    def run(self, name: str, argv: Sequence[str], *, answers: bool = False) -> Outcome:
        assert not answers
        self.asked.append(list(argv))
        log = self.checkout / f"{name}.log"
        log.write_text("a-host : ok=1 changed=1\n")
        return Outcome(0, 1.0, log, log)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, "lab")


def test_a_few_hosts_are_configured_by_one_playbook(desk: Desk) -> None:
    list(configure(desk, load_fleet("lab")))
    assert [words[3:] for words in desk.asked] == [["ansible/playbooks/site.yml"]]


def test_a_whole_province_on_one_machine_begins_with_its_nodes_and_few_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVINCE_COMMUNES", "102")
    list(configure(desk, load_fleet("lab")))
    few = ["--forks", str(4 * (os.cpu_count() or 1))]
    assert [words[3:] for words in desk.asked] == [
        ["ansible/playbooks/enrol.yml"],
        ["ansible/playbooks/baseline.yml", "--limit", "edge", *few],
        ["ansible/playbooks/site.yml", *few],
    ]
