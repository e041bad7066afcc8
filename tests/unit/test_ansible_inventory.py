"""The inventory plugin as Ansible itself runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from province.fleet.load import load_fleet
from province.manifest.capability import CHECKOUT
from province.manifest.inventory import inventory
from tests.unit.conftest import Edit

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def ansible_inventory(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("ansible-inventory")
    return subprocess.run(
        [program, "-i", folder, "--list"],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ansible_finds_every_host_of_the_environment_with_its_flat_facts(data: Path) -> None:
    done = ansible_inventory(data / "lab")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout, object_hook=lambda one: one.get("__ansible_unsafe", one))
    fleet = load_fleet("lab", data)
    assert set(found["_meta"]["hostvars"]) == set(fleet.hosts)
    for name, host in fleet.hosts.items():
        facts = found["_meta"]["hostvars"][name]
        assert facts["ansible_host"] == str(host.management.ipv4.ip)
        assert facts["host_class"] == host.host_class
        assert [one["device"] for one in facts["interfaces"]] == [one.device for one in host.interfaces]
    wanted = json.loads(json.dumps(inventory(fleet, NOW)["hosts"]))
    assert found["_meta"]["hostvars"] == wanted, "what all hosts share is every host's, too"


def test_two_checkouts_never_share_a_connection(data: Path) -> None:
    folders = {
        variables["ansible_control_path_dir"]
        for fleet in (load_fleet("lab"), load_fleet("lab", data))
        for variables in inventory(fleet, NOW)["hosts"].values()
    }
    assert len(folders) == 2


def test_a_mistake_in_the_data_is_shown_as_a_finding_without_a_traceback(data: Path, edit: Edit) -> None:
    edit("lab/environment.yml", "packages_from: router", "packages_form: router")
    done = ansible_inventory(data / "lab")
    assert done.returncode != 0
    assert 'packages_form: unknown key; did you mean "packages_from"?' in done.stderr
    assert "Traceback" not in done.stderr
