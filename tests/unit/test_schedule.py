"""Units of the desk that verifies every night, judged by systemd itself."""

from __future__ import annotations

import getpass
import shutil
import subprocess
from pathlib import Path

import pytest

from province.ops.schedule import Schedule
from province.verify.checkout import CHECKOUT

from .test_cli import parsed, province

SYSTEMD = shutil.which("systemd-analyze")
judged = pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not here")


def verdict(folder: Path) -> str:
    """What systemd says of every unit of a folder; empty when it has nothing to say."""
    units = sorted(str(path) for path in folder.glob("province-*"))
    command = [str(SYSTEMD), "verify", "--man=no", "--recursive-errors=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if str(folder) in line or "province-" in line)


@judged
def test_systemd_takes_the_units_and_would_not_take_wrong_ones(tmp_path: Path) -> None:
    for name, text in Schedule(CHECKOUT, "production", getpass.getuser(), "02:17").units().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert verdict(tmp_path) == ""
    timer = tmp_path / "province-drift.timer"
    timer.write_text(timer.read_text(encoding="utf-8").replace("02:17", "26:17"), encoding="utf-8")
    assert "26:17" in verdict(tmp_path)


def test_drift_waits_for_verification_and_neither_writes_outside_its_folder() -> None:
    units = Schedule(Path("/srv/province"), "production", "verifier", "02:17").units()
    drift = units["province-drift.service"].splitlines()
    assert "After=network-online.target province-verify.service" in drift
    assert "ExecStart=/srv/province/.venv/bin/province drift --environment production" in drift
    assert [line for line in drift if "Write" in line] == ["ReadWritePaths=/srv/province/.province"]
    assert {"ProtectSystem=strict", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "User=verifier"} <= set(drift)
    assert "OnCalendar=*-*-* 02:17 Asia/Ho_Chi_Minh" in units["province-verify.timer"]


def test_the_command_writes_them_once_and_refuses_what_is_no_time(tmp_path: Path) -> None:
    assert len(parsed("schedule", "--into", str(tmp_path))["written"]) == 4
    assert parsed("schedule", "--into", str(tmp_path))["written"] == []
    wrong = province("schedule", "--into", str(tmp_path), "--at", "26:17")
    assert (wrong.returncode, "not a time of day" in wrong.stderr) == (2, True)
