"""The command as programs and people call it: output, JSON and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from province.cli.show import describe
from province.fleet.fleet import Fleet

from .conftest import Edit

PHU_QUOC = "fleet/communes/31078-dac-khu-phu-quoc.yml"


def province(*words: str, inventories: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PROVINCE_COMMUNES": ""}
    if inventories:
        env["PROVINCE_INVENTORIES"] = str(inventories)
    return subprocess.run(
        [sys.executable, "-m", "province", *words], capture_output=True, text=True, check=False, env=env
    )


def parsed(*words: str) -> Any:
    done = province(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_check_says_what_the_model_holds() -> None:
    done = province("check", "--environment", "production")
    assert done.returncode == 0
    assert "102 communes (85 xã, 14 phường, 3 đặc khu), 204 nodes" in done.stdout


def test_check_lists_findings_as_json_with_its_own_exit_code(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "wifi: true", "wifj: true")
    done = province("check", "--json", inventories=data)
    assert done.returncode == 3
    assert json.loads(done.stdout) == [
        {
            "file": "inventories/" + PHU_QUOC,
            "key": "wifj",
            "value": "",
            "problem": "unknown key",
            "mend": 'did you mean "wifi"?',
            "line": 12,
        }
    ]


def test_bad_data_is_one_message_without_traceback(data: Path, edit: Edit) -> None:
    edit(PHU_QUOC, "wifi: true", "wifj: true")
    done = province("inventory", inventories=data)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "1 problem; nothing was changed"
    assert "Traceback" not in done.stderr


def test_unverified_facts_block_production() -> None:
    done = province("check", "--environment", "production", "--ready")
    assert done.returncode == 3
    assert "addresses are those of the documentation plan" in done.stderr
    refused = province("up", "--environment", "production")
    assert refused.returncode == 3
    assert "nothing was changed" in refused.stderr


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("phu-quoc-party", "fqdn", "phu-quoc-party.an-giang.example"),
        ("31078", "commune", "Đặc khu Phú Quốc"),
        ("phu-quoc", "code", "31078"),
        ("e-office", "name", "Văn phòng điện tử"),
        ("rach-gia", "purpose", "primary"),
        ("phuong-rach-gia", "code", "30742"),
    ],
)
def test_show_knows_nodes_communes_systems_and_sites(fleet: Fleet, name: str, key: str, value: str) -> None:
    assert describe(fleet, name, "vi")[key] == value


def test_show_tells_what_a_node_is() -> None:
    shown = parsed("show", "phu-quoc-party")
    assert shown["commune"] == "Đặc khu Phú Quốc (31078)"
    assert shown["body"] == "Đảng ủy"
    assert shown["interfaces"]["tslcd"]["mbps"] == 6


def test_show_suggests_the_nearest_name() -> None:
    done = province("show", "phu-quok-party")
    assert done.returncode == 2
    assert 'did you mean "phu-quoc-party"?' in done.stderr


@pytest.mark.proves("features")
def test_coverage_lists_every_row_of_the_mission() -> None:
    rows = parsed("coverage")
    assert [row["id"] for row in rows] == list(range(1, 105))
    assert {"id", "component", "declared_in", "tests", "state"} <= set(rows[0])
    assert not [row["id"] for row in rows if not row["declared_in"] or not row["tests"]]
    assert {row["state"] for row in rows} <= {"declared", "configured", "verified"}


def test_inventory_is_flat_and_complete() -> None:
    listed = parsed("inventory", "--environment", "production")
    assert len(listed["hosts"]) == 204 + 22 + 18
    assert listed["hosts"]["phu-quoc-party"]["ansible_host"] == "198.19.1.198"
    assert set(listed["groups"]["edge"]) <= set(listed["hosts"])


def test_render_shows_a_node_and_what_changed_since_a_revision() -> None:
    shown = province("render", "phu-quoc-party")
    assert shown.returncode == 0, shown.stderr
    assert "--- /etc/ssh/sshd_config" in shown.stdout
    assert "PermitRootLogin no" in shown.stdout
    unknown = province("render", "phu-quoc-party", "--diff", "no-such-revision")
    assert unknown.returncode == 2
    assert "no revision 'no-such-revision'" in unknown.stderr
