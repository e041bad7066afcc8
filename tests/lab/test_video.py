"""A room of a commune, over real lines: a node joins both relays, and one while the other is down."""

from __future__ import annotations

import json
import subprocess

import pytest

from province.fleet.load import load_fleet
from province.fleet.site import Duty

from .conftest import wait_until

pytestmark = [pytest.mark.lab, pytest.mark.proves(23)]

FLEET = load_fleet("lab")
NODE = "phu-quoc-people"
RELAYS = [host.name for host in FLEET.hosts.values() if Duty.VIDEO in host.duties]
STATUS = "sudo python3 -I /usr/local/lib/province/video status /etc/video/plan.json"
JOIN = "sudo systemctl start video-join.service"
PATIENCE_S = 60


def on(host: str, command: str) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.soak
def test_a_room_on_a_thin_line_joins_both_sites_and_one_when_the_other_is_down() -> None:
    """At the rate of the thin line's profile nothing is lost; a relay that is stopped leaves the other one."""

    def prefers(wanted: set[str]) -> bool:
        on(NODE, JOIN)
        told = json.loads(on(NODE, STATUS))
        return set(told["prefer"]) == wanted

    wait_until(lambda: prefers(set(RELAYS)), "the room joins every relay", within_s=PATIENCE_S)
    told = json.loads(on(NODE, STATUS))
    limit = FLEET.province.video.most_lost
    assert all(seen["lost_percent"] <= limit for seen in told["relays"].values()), told
    dead, *alive = RELAYS
    on(dead, "sudo systemctl stop video-relay.service")
    try:
        wait_until(lambda: prefers(set(alive)), "the room joins the other relay", within_s=PATIENCE_S)
    finally:
        on(dead, "sudo systemctl start video-relay.service")
    wait_until(lambda: prefers(set(RELAYS)), "the room joins every relay again", within_s=PATIENCE_S)
