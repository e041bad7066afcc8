"""What people do on a bastion is recorded, by nobody whom they could stop."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.facts import SshdConfig
from province.verify.marks import control

pytestmark = pytest.mark.hosts("bastion")

START = "/usr/local/lib/province/session"
RECORDINGS = "find /var/log/sessions -type d -printf '%U:%G %m\\n' 2>/dev/null || true"


@control(68)
def test_people_get_a_shell_that_is_recorded_and_no_other(host: Connection, expected: Expected) -> None:
    """Whoever is no program, the sealed account included (TCVN 14423:2026, 5.8.2.1a)."""
    names = sorted((*expected.administrators, expected.break_glass))
    asked = "sshd -T -C user=%s,host=localhost,addr=127.0.0.1"
    seen = {name: SshdConfig(host.check_output(asked, name))["forcecommand"] for name in names}
    assert seen == dict.fromkeys(names, START)


@control(68)
def test_sudo_records_what_a_shell_shows(host: Connection, expected: Expected) -> None:
    """What sudo itself understands of its rules (TCVN 14423:2026, 5.8.2.1a)."""
    for name in sorted(expected.administrators):
        told = host.check_output("sudo -l -U %s", name)
        kept = re.findall(r"Defaults!/usr/bin/bash (.*)", told)
        assert [{"log_output", "iolog_flush"} <= set(one.replace(",", " ").split()) for one in kept] == [True], told
        assert f"({name}) NOPASSWD: /usr/bin/bash" in told


@control(68)
def test_nobody_but_root_reads_recordings(host: Connection) -> None:
    """They show what people saw (TCVN 14423:2026, 5.8.2.1a)."""
    assert set(host.check_output(RECORDINGS).split("\n")) <= {"", "0:0 700"}


@pytest.mark.proves(78)
def test_recordings_stay_for_a_year(host: Connection) -> None:
    """What systemd goes by: the law asks for 3 months of what a level-3 system logs, and 12 of who entered."""
    lines = host.check_output("systemd-tmpfiles --cat-config").splitlines()
    rules = [line.split() for line in lines if line.startswith("d /var/log/sessions ")]
    assert [int(rule[5].removesuffix("d")) >= 365 for rule in rules] == [True]
