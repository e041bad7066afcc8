"""Copies of a node on real hosts: made at both sites over the tunnels, brought back by the province alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from province.fleet.load import load_fleet

from .conftest import Command, parsed

pytestmark = [pytest.mark.lab, pytest.mark.proves(78)]

FLEET = load_fleet("lab")
NODE = "phu-quoc-party"
FRESH_S = 60


@pytest.mark.parametrize("site", [one.id for one in FLEET.data_centres])
def test_a_copy_is_made_and_comes_back_as_it_was(site: str, province: Command, tmp_path: Path) -> None:
    made = province("lab", "ssh", NODE, "--", f"sudo systemctl start copies@{site}.service")
    assert made.returncode == 0, made.stderr
    told = parsed(province("copies", "status", NODE, "--json"))[NODE][site]
    assert told["age_s"] < FRESH_S
    drill = parsed(province("copies", "drill", NODE, "--site", site, "--into", str(tmp_path), "--json"))
    same = {kind: one["same"] for kind, one in drill["classes"].items()}
    assert same == {kind: one["files"] for kind, one in told["classes"].items()}
    assert same["state"] > 0
    assert [str(one) for one in tmp_path.iterdir()] == [drill["record"]]
