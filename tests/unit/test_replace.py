"""A box is swapped: the old one is out of every gateway and register, and a seed waits for the new one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.bundle.sums import faults
from province.errors import ExitCode
from province.fleet.fleet import Fleet
from province.manifest.revoked import load_revoked
from province.manifest.seeds import history, load_seeds
from province.manifest.trust import register_of, trust_folder

from .action_world import Desk
from .test_revoke import BOX, OTHER, desk, lab

__all__ = ["desk", "lab"]
WHY = ("--reason", "box burnt", "--ticket", "OPS-118", "--go")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    return tmp_path / "stick"


def replace(desk: Desk, stick: Path, *more: str, node: str = BOX) -> tuple[int, str]:
    return desk("op", "replace-node", node, "--to", str(stick), *more)


def test_it_is_first_only_said(desk: Desk, lab: Fleet, stick: Path) -> None:
    code, said = replace(desk, stick)
    assert (code, f"would cut {BOX} over" in said) == (0, True)
    assert (stick.exists(), load_seeds(trust_folder(lab))) == (False, ())
    assert BOX in register_of(lab).enrolled.keys


def test_the_old_box_is_out_and_a_seed_is_made(desk: Desk, lab: Fleet, stick: Path) -> None:
    code, said = replace(desk, stick, *WHY, "--yes-hosts", "2")
    assert (code, "2 done and healthy" in said) == (0, True)
    assert not [key for keys in desk.hosts.peers.values() for key in keys if key.startswith(BOX)]
    assert faults(stick / f"{BOX}-seed") == []
    (row,) = load_seeds(trust_folder(lab))
    assert (row.host, row.reason, row.is_open(datetime.now(UTC))) == (BOX, "box burnt", True)
    trust = trust_folder(lab)
    (old,) = history(BOX, load_seeds(trust), load_revoked(trust), register_of(lab).enrolled.keys)
    assert (old.why, old.since, old.until is not None, len(old.keys)) == ("box burnt", None, True, 5)
    assert "box 1 of" in desk("boxes", BOX)[1]


def test_a_box_that_was_revoked_before_gets_its_seed(desk: Desk, lab: Fleet, stick: Path) -> None:
    desk("op", "revoke-node", BOX, "--reason", "box stolen", "--ticket", "INC-7", "--go", "--yes-hosts", "2")
    code, said = replace(desk, stick, *WHY)
    assert (code, "nothing to do on 2 hosts" in said) == (0, True)
    assert [row.reason for row in load_revoked(trust_folder(lab))] == ["box stolen"]
    assert (stick / f"{BOX}-seed" / "token").is_file()


def test_a_second_seed_withdraws_the_first(desk: Desk, lab: Fleet, stick: Path) -> None:
    replace(desk, stick, *WHY, "--yes-hosts", "2")
    code, said = replace(desk, stick, *WHY)
    assert (code, "is there already" in said) == (ExitCode.USAGE, True)
    assert replace(desk, stick.with_name("another"), *WHY)[0] == 0
    first, second = load_seeds(trust_folder(lab))
    now = datetime.now(UTC)
    assert (first.withdrawn is not None, first.is_open(now), second.is_open(now)) == (True, False, True)


def test_a_node_with_a_box_gets_no_seed_beside_it(desk: Desk, lab: Fleet, stick: Path) -> None:
    code, said = desk("provision", OTHER, "--to", str(stick))
    assert (code, f"province op replace-node {OTHER}" in said) == (ExitCode.FAILED, True)
    assert not stick.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("provision", "rach-gia-gateway-1"), "only nodes of communes are provisioned"),
        (("provision", "phu-quoc-parti"), 'did you mean "phu-quoc-party"?'),
        (("op", "replace-node", "rach-gia-gateway-1"), "only the nodes of communes"),
        (("op", "replace-node", "phu-quoc"), "at most 1 hosts"),
    ],
)
def test_what_is_refused(desk: Desk, stick: Path, words: tuple[str, ...], said: str) -> None:
    code, told = desk(*words, "--to", str(stick))
    assert (code != 0, said in told) == (True, True), told
    assert not stick.exists()
