"""Hardening that shows only when somebody tries: a changed system file, a program where none may run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from testinfra.host import Host as Connection

from province.verify.transport import connect

from .people import CONFIG
from .test_identity import ALARMS, ARRIVES, LOG_HOST, next_alarm

pytestmark = pytest.mark.lab

NODE = "vinh-xuong-people"
FOREIGN = "/usr/bin/foreign-program"
TOLD = rf"grep -c ' integrity\[[0-9]*\]: .*{FOREIGN}' /var/log/auth.log"
"""How often the scan has named the file; sudo's own lines about this command do not fit."""

DATABASE = "/var/lib/aide/aide.db"


@pytest.fixture
def node() -> Iterator[Connection]:
    host = connect(NODE, CONFIG)
    host.check_output(f"rm -f {FOREIGN} {DATABASE}")
    yield host
    host.check_output(f"rm -f {FOREIGN} {DATABASE} {DATABASE}.new")


def test_a_system_file_that_nobody_declared_raises_an_alarm(node: Connection) -> None:
    scan = "systemctl start integrity-scan.service"
    node.check_output(scan)
    assert node.check_output(f"stat --format %a {DATABASE}") == "600"
    line = next_alarm()
    node.check_output(f"cp /usr/bin/true {FOREIGN}")
    node.check_output(scan)
    connect(LOG_HOST, CONFIG).check_output(ARRIVES % (f"{NODE}.integrity.*{FOREIGN}", line, ALARMS))


def test_what_a_declared_change_brought_is_no_alarm_and_not_told_twice(node: Connection) -> None:
    scan = "systemctl start integrity-scan.service"
    node.check_output(scan)
    node.check_output(f"cp /usr/bin/true {FOREIGN} && touch /var/lib/province/applied.json")
    node.check_output(scan)
    told = node.check_output(TOLD)
    assert int(told) > 0
    node.check_output(scan)
    assert node.check_output(TOLD) == told


def test_nothing_runs_in_the_folder_that_is_everybody_s(node: Connection) -> None:
    done = node.run("cp /usr/bin/true /tmp/tried && /tmp/tried")
    node.check_output("rm -f /tmp/tried")
    assert "Permission denied" in done.stderr
