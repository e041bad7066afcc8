"""Hosts that are as declared are left out of a run, and stand in its recap all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .conftest import Command

pytestmark = pytest.mark.lab

SPOILT, GOOD, AWAY = "phu-quoc-party", "phu-quoc-people", "an-minh-party"
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d)\s+unreachable=(\d)\s+failed=(\d)", re.MULTILINE)


@pytest.fixture
def away(province: Command) -> Iterator[str]:
    """A host without power."""
    assert province("lab", "off", AWAY).returncode == 0
    yield AWAY
    assert province("lab", "up").returncode == 0


def test_only_what_differs_or_does_not_answer_has_a_turn(province: Command, ansible: Command, away: str) -> None:
    spoilt = province("lab", "ssh", SPOILT, "--", "echo '# spoilt' | sudo tee -a /etc/motd")
    assert spoilt.returncode == 0, spoilt.stderr
    done = ansible("baseline", "--limit", f"{SPOILT},{GOOD},{away}")
    assert "as declared: 1 hosts" in done.stdout, done.stdout
    assert {host: figures for host, *figures in RECAP.findall(done.stdout)} == {
        SPOILT: ["1", "0", "0"],
        GOOD: ["0", "0", "0"],
        away: ["0", "1", "0"],
    }
