"""The playbook as Ansible itself runs it, up to where it would contact the first host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from province.manifest.capability import CHECKOUT

HOSTS = ("phu-quoc-party", "phu-quoc-people")


def test_what_cannot_be_rendered_stops_the_play_before_any_host_is_touched(tmp_path: Path) -> None:
    """Here a trust anchor is missing; the hosts could not be reached, and nobody tries to."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", "inventories/lab", "ansible/playbooks/baseline.yml", "--limit", ",".join(HOSTS)),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "PROVINCE_TRUST": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert "no host was touched" in done.stdout
    assert "ssh-user-ca.pub" in done.stdout
    assert sum(f"fatal: [{host}]" in done.stdout for host in HOSTS) == 1
    assert "unreachable=1" not in done.stdout
