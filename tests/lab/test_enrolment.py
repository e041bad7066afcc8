"""Enrolment on real hosts: private keys stay, an installed-anew host is refused until it is enrolled again."""

from __future__ import annotations

import subprocess

import pytest

from province.fleet.load import load_fleet

from .conftest import CHECKOUT, Command

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
HOST = next(host.name for host in FLEET.hosts.values() if host.host_class == "edge")
KEY = "/etc/ssl/province/host.key"


def on(host: str, command: str) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{host}: {command}\n{done.stderr}"
    return done.stdout


def test_nothing_is_due_twice(province: Command, ansible: Command) -> None:
    done = ansible("enrol")
    assert done.returncode == 0, done.stderr
    assert "skipping: no hosts matched" in done.stdout
    assert f"{len(FLEET.hosts)} of {len(FLEET.hosts)} hosts are enrolled" in province("enrol").stdout


def test_no_private_key_is_on_the_controller(province: Command) -> None:
    secret = "".join(line for line in on(HOST, f"sudo cat {KEY}").splitlines() if "-" not in line)
    found = subprocess.run(
        ["grep", "-rlF", secret[48:96], "inventories", ".province/lab/logs", ".province/lab/authority"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_a_host_with_another_key_is_refused_until_it_is_enrolled_again(province: Command, ansible: Command) -> None:
    on(HOST, f"sudo rm {KEY} {KEY}.csr /etc/ssl/province/host.pem")
    refused = ansible("baseline", "--limit", HOST)
    assert refused.returncode != 0
    assert "the key of this host is another: enrol it again" in refused.stdout
    due = [*(f"copies@{site.id}.service" for site in FLEET.data_centres), "video-join.service"]
    on(HOST, f"sudo systemctl start {' '.join(due)}")
    failed = on(HOST, "systemctl list-units --failed --plain --no-legend")
    assert not [job for job in due if job in failed], "a job that is due meanwhile is skipped"
    assert province("enrol", "--host", HOST).returncode == 0
    mended = ansible("baseline", "--limit", HOST)
    assert mended.returncode == 0, mended.stdout
    assert "changed=0" in ansible("baseline", "--limit", HOST).stdout
