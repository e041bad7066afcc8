"""The host's whole state against its manifest: the digest, the files, the units."""

from __future__ import annotations

import json

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.facts import File
from province.verify.reach import APPLIED

RUNNING = {"running": "active", "stopped": "inactive"}


@pytest.mark.proves("communes", "sites")
def test_the_model_s_newest_state_was_applied(host: Connection, expected: Expected) -> None:
    """What the host says it is, is what the model says today."""
    assert json.loads(host.check_output("cat %s", APPLIED))["digest"] == expected.manifest.digest


def test_every_managed_file_is_as_declared(files: dict[str, File], expected: Expected) -> None:
    """Content, owner and mode of every file; an edit by hand shows here."""
    wrong = {path: file for path, file in expected.files.items() if files.get(path) != file}
    assert {path: files.get(path) for path in wrong} == wrong


def test_what_has_to_be_gone_is_gone(host: Connection, expected: Expected) -> None:
    """Left-overs of the first start would open doors that the manifest closed."""
    patterns = " ".join(expected.manifest.absent)
    assert host.check_output(f"ls -d {patterns} 2>/dev/null || true") == ""


def test_units_run_as_declared(units: dict[str, dict[str, str]], expected: Expected) -> None:
    """Now and after the next start."""
    wanted = {name: unit for name, unit in expected.manifest.units.items() if unit.state}
    seen = {name: units[name]["ActiveState"] for name in wanted}
    assert seen == {name: RUNNING[unit.state] for name, unit in wanted.items() if unit.state}


def test_no_unit_has_failed(host: Connection) -> None:
    """Systemd's own list."""
    assert host.check_output("systemctl list-units --failed --plain --no-legend") == ""
