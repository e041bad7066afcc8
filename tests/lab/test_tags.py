"""Some capabilities of a host alone: by tags of the playbook, or as a role of a play of one's own."""

from __future__ import annotations

import subprocess

import pytest

from .conftest import CHECKOUT, Command

pytestmark = pytest.mark.lab

HOST = "phu-quoc-party"
CLOCK, BANNER = "/etc/chrony/chrony.conf", "/etc/motd"
SPOIL = f"for file in {CLOCK} {BANNER}; do echo '# spoilt' | sudo tee -a $file; done"


def test_a_capability_alone_mends_its_own_and_leaves_the_rest(province: Command, ansible: Command) -> None:
    spoilt = province("lab", "ssh", HOST, "--", SPOIL)
    assert spoilt.returncode == 0, spoilt.stderr
    shown = ansible("baseline", "--limit", HOST, "--check", "--diff", "--tags", "time,dns")
    assert f"before: {CLOCK}" in shown.stdout, shown.stdout
    assert BANNER not in shown.stdout
    role = subprocess.run(
        ["ansible", "-i", "inventories/lab", HOST, "-m", "include_role", "-a", "name=common_banner"],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
    )
    assert f"change {BANNER}" in role.stdout, role.stdout + role.stderr
    mended = ansible("baseline", "--limit", HOST, "--tags", "time,dns")
    assert "changed=1" in mended.stdout, mended.stdout
    assert "changed=0" in ansible("baseline", "--limit", HOST).stdout
