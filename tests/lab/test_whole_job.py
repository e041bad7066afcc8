"""The whole job on real hosts: it converges, it sees what is wrong, it mends it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from province.fleet.load import load_fleet

from .conftest import Command, parsed

pytestmark = pytest.mark.lab

OFF = "an-minh-people"
BROKEN = "phu-quoc-party"
BREAK = "sudo sed -i 's/^PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config && sudo systemctl reload ssh"


@pytest.fixture
def switched_off(province: Command) -> Iterator[str]:
    assert province("lab", "off", OFF).returncode == 0
    yield OFF
    assert province("lab", "up").returncode == 0


@pytest.mark.proves("communes", "sites")
def test_a_second_run_changes_nothing(province: Command) -> None:
    done = province("up", "--json")
    assert done.returncode == 0, done.stderr
    result = parsed(done)
    assert result["changed"] is False, result
    assert {step["name"] for step in result["steps"]} >= {"site", "verify", "lab.rach-gia.systems-data", "report"}


def test_looking_at_everything_finds_nothing_to_change(ansible: Command) -> None:
    """The first question of `province dc plan` and `drift`."""
    done = ansible("site", "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert set(re.findall(r"changed=(\d+)", done.stdout)) == {"0"}, done.stdout


def test_every_host_of_the_model_answers(province: Command) -> None:
    done = province("lab", "status", "--json")
    assert done.returncode == 0
    hosts = load_fleet("lab").hosts
    assert len(hosts) >= 12
    for name in hosts:
        assert f'"name": "{name}"' in done.stdout


def test_a_host_that_is_off_is_unreachable_and_never_green(province: Command, switched_off: str) -> None:
    done = province("verify", "--select", switched_off, "--json")
    result = parsed(done)
    assert done.returncode == 4
    assert result["unreachable"] == [switched_off]
    assert set(result["counts"]) == {"unreachable"}


def test_a_file_broken_by_hand_is_found_and_mended(province: Command, ansible: Command) -> None:
    broken = province("lab", "ssh", BROKEN, "--", BREAK)
    assert broken.returncode == 0, broken.stderr
    found = parsed(province("verify", "--select", BROKEN, "--json"))
    assert found["counts"]["fail"] >= 1
    shown = ansible("baseline", "--limit", BROKEN, "--check", "--diff")
    assert "-PermitRootLogin yes" in shown.stdout
    assert "+PermitRootLogin no" in shown.stdout
    mended = ansible("baseline", "--limit", BROKEN)
    assert mended.returncode == 0, mended.stdout
    assert "changed=1" in mended.stdout
    assert province("verify", "--select", BROKEN).returncode == 0


def test_the_lab_has_no_way_out() -> None:
    """Addresses of the documentation range stand for the whole Internet (RFC 5737); only the table is asked."""
    asked = subprocess.run(["ip", "route", "get", "203.0.113.1"], capture_output=True, text=True, check=False)
    assert asked.returncode != 0
    assert "unreachable" in asked.stderr
