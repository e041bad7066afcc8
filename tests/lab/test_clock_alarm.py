"""The alarm of a clock, on a real host: it is silent, and it speaks when the limits are passed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.manifest.peers import Peers

pytestmark = pytest.mark.lab

FLEET = load_fleet("lab")
CLOCK = FLEET.province.clock
HOST = next(host for host in FLEET.hosts.values() if host.host_class == "edge")
DROP_IN = "/run/systemd/system/clock-alarm.service.d/limits.conf"
PATIENCE = 30.0


def on(host: str, command: str) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{host}: {command}\n{done.stderr}"
    return done.stdout


def alarm(**limits: float) -> str:
    """What the alarm's program prints under these limits."""
    words = " ".join(f"{name}={value}" for name, value in limits.items())
    return on(HOST.name, f"sudo -u _chrony env {words} sh /usr/local/lib/province/clock-alarm.sh")


def test_every_host_hears_every_time_server() -> None:
    """A server that is not heard is missed only when another one is wrong, and then it is too late."""

    def silent() -> dict[str, str]:
        rows = {name: on(name, "sudo chronyc -c -n sources").splitlines() for name in FLEET.hosts}
        return {name: row for name, own in rows.items() for row in own if row.split(",")[5] == "0"}

    deadline = time.monotonic() + PATIENCE
    while missing := silent():
        assert time.monotonic() < deadline, missing
        time.sleep(2)


@pytest.fixture
def no_patience() -> Iterator[None]:
    """The unit of a host is told that any silence of its sources is too long."""
    on(HOST.name, f"sudo install -D -m 644 /dev/stdin {DROP_IN} <<< '[Service]\nEnvironment=MAXIMUM_SILENCE=-1'")
    on(HOST.name, "sudo systemctl daemon-reload")
    yield
    on(HOST.name, f"sudo rm {DROP_IN} && sudo systemctl daemon-reload")


@pytest.mark.proves(96)
def test_a_clock_in_step_is_no_alarm_and_each_limit_is_one() -> None:
    offset, silence = CLOCK.maximum_offset_ms / 1000, CLOCK.maximum_silence_minutes * 60
    assert alarm(MAXIMUM_OFFSET=offset, MAXIMUM_SILENCE=silence) == ""
    assert alarm(MAXIMUM_OFFSET=offset, MAXIMUM_SILENCE=-1).startswith("clock alarm: no source has answered")
    assert alarm(MAXIMUM_OFFSET=-1, MAXIMUM_SILENCE=silence).startswith("clock alarm: the clock is off")


def test_the_alarm_reaches_the_log_host_as_an_alert(no_patience: None) -> None:
    log_host = Peers(FLEET).with_duty(Duty.LOGS, HOST)[0].name
    begun = on(HOST.name, "date +%s").strip()
    on(HOST.name, "sudo systemctl start clock-alarm.service")
    seen = on(HOST.name, f"sudo journalctl --since @{begun} --priority alert --identifier clock-alarm --output cat")
    line = seen.strip().splitlines()[-1]
    assert line.startswith("clock alarm: no source has answered")
    deadline = time.monotonic() + PATIENCE
    while line not in on(log_host, f"sudo tail -n 200 /var/log/hosts/{HOST.name}/messages.log"):
        assert time.monotonic() < deadline, line
