"""The playbook as Ansible itself runs it, up to where it would contact the first host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from province.manifest.capability import CHECKOUT

HOSTS = ("phu-quoc-party", "phu-quoc-people")


def refused(trust: Path, *options: str) -> str:
    """What the playbook says when it must stop before any host is contacted: the hosts could not be reached."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", "inventories/lab", "ansible/playbooks/baseline.yml", "--limit", ",".join(HOSTS), *options),
        ],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "PROVINCE_TRUST": str(trust)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert "no host was touched" in done.stdout
    assert sum(f"fatal: [{host}]" in done.stdout for host in HOSTS) == 1
    assert "unreachable=1" not in done.stdout
    return done.stdout


def test_what_cannot_be_rendered_stops_the_play_before_any_host_is_touched(tmp_path: Path) -> None:
    """Here a trust anchor is missing."""
    assert "ssh-user-ca.pub" in refused(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tags", "time,tiem"), 'did you mean "time"?'),
        (("--skip-tags", "time"), "a host's state is applied as a whole"),
    ],
)
def test_a_tag_that_would_not_do_what_it_says_is_refused(options: tuple[str, str], said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, *options)
