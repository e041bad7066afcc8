"""The kiosk of a commune over real lines: a dossier that a computer of the counter hands in is at both sites."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.lab.probe import computer_in
from province.lab.state import Place

from .conftest import CHECKOUT, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.proves(12, 101)]

FLEET = load_fleet("lab")
RULES = FLEET.province.counter
NODE = FLEET.hosts["phu-quoc-people"]
HUBS = [host.name for host in FLEET.hosts.values() if Duty.RELAY in host.duties]
TRUST = CHECKOUT / "inventories" / "lab" / "trust" / "service-ca.pem"
PATIENCE_S = 60


def asked(computer: str, address: str, *words: str) -> str:
    """What the kiosk shows to a computer in the zone of the counter."""
    fetch = ["curl", "--silent", "--show-error", "--fail", "--cacert", str(TRUST), *words]
    enter = ["ip", "netns", "exec", computer]
    done = subprocess.run([*enter, *fetch, address], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def last(hub: str) -> int:
    """The bytes that a hub keeps of this node's queue: they grow with each dossier."""
    command = ["ssh", hub, "sudo du --summarize --bytes /var/lib/relay-government"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0])


def test_a_dossier_of_the_counter_is_at_both_sites(tmp_path: Path) -> None:
    zone = NODE.interface(RULES.zone).address.plain[0]
    before = {hub: last(hub) for hub in HUBS}
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(secrets.token_bytes(1_000_000))
    with computer_in(Place(CHECKOUT), NODE, RULES.zone) as computer:
        shown = asked(computer, f"https://{zone}:{RULES.port}/")
        (number,) = re.findall(r'name="number" value="([0-9a-f]{32})"', shown)
        fields = {"number": number, "name": "Phép thử", "procedure": "Phép thử", "files": f"@{scan}"}
        words = [word for name, value in fields.items() for word in ("--form", f"{name}={value}")]
        shown = asked(computer, f"https://{zone}:{RULES.port}/nop", *words)
        assert f"{number[:4]}-{number[4:8]}".upper() in shown
        state = json.loads(asked(computer, f"https://{zone}:{RULES.port}/trang-thai"))
        assert state["reachable"]

    def grew() -> bool:
        return all(last(hub) - before[hub] > 1_000_000 for hub in HUBS)

    wait_until(grew, "the scan at every hub", within_s=PATIENCE_S)
