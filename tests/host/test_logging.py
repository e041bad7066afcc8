"""What happens on a host is known at the log hosts of both sites, and kept on the host, too."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.arrival import Arrivals
from province.verify.expectations import Expected
from province.verify.facts import Socket
from province.verify.marks import control

KEPT = "messages.log"
MARK = "verification: proof-[0-9a-f-]{36}"
LOG = "word=proof-$(cat /proc/sys/kernel/random/uuid) && logger --tag verification $word && echo $word"
"""A word that nobody has said before. The host chooses it, so the command is always the same."""


@pytest.mark.proves(96)
def test_a_line_reaches_the_log_host(host: Connection, node: Host, expected: Expected, arrivals: Arrivals) -> None:
    """An intruder who wipes a host's log does not wipe ours."""
    word = host.check_output(LOG)
    for log_host in expected.log_hosts:
        there = arrivals.has(log_host, node.name, f"verification: {word}", file=KEPT, pattern=MARK)
        assert there, f"{word} did not reach {log_host} within 20 s"


@control(66)
def test_lines_leave_over_tls(host: Connection, expected: Expected) -> None:
    """The settings that rsyslog understands: who is at the other end is checked by name (TCVN 14423:2026, 5.8.2.1a)."""
    names = [server["fqdn"] for server in expected.facts["log_servers"]]
    settings = [['tls="on"', 'tls.authMode="name"', f'tls.permittedPeer=["{name}"]'] for name in names]
    ways = [action.split() for _, action in ways_out(host)]
    assert [[word for word in way if word.startswith("tls") and "/" not in word] for way in ways] == settings


@control(66)
@pytest.mark.hosts("edge", "gateway", "bastion", "control-plane", "worker", "storage", "ingress")
def test_no_lines_are_taken_in(sockets: frozenset[Socket]) -> None:
    """Nobody can put lines into the log of a host that keeps its own alone (TCVN 14423:2026, 5.8.2.1a)."""
    assert {one for one in sockets if one.process == "rsyslogd"} == set()


@control(66)
def test_lines_that_wait_for_the_log_host_are_on_the_disk(host: Connection, expected: Expected) -> None:
    """As much as the model says, and counted there often enough to be found after a power cut."""
    facts = expected.facts
    wanted = {
        f'queue.maxDiskSpace="{facts["logs_queue_mib"]}m"',
        f'queue.highWatermark="{facts["logs_memory_lines"]}"',
        f'queue.checkpointInterval="{facts["logs_written_every"]}"',
        'queue.syncQueueFiles="on"',
    }
    seen = [wanted.intersection(queue.split()) for queue, _ in ways_out(host)]
    assert seen == [wanted] * len(facts["log_servers"])


@control(66)
@pytest.mark.hosts("logs")
def test_the_log_host_takes_lines_from_hosts_of_the_province_only(host: Connection) -> None:
    """Who shows no certificate is not heard (TCVN 14423:2026, 5.8.2.1a)."""
    told = host.check_output("rsyslogd -N1 -o /dev/stdout 2>/dev/null")
    doors = re.findall(r"input\((.*?)\)", told, re.DOTALL)
    assert [('type="imrelp"' in door, 'tls="on"' in door, 'tls.authMode="certvalid"' in door) for door in doors] == [
        (True, True, True)
    ]


@control(67)
def test_the_journal_survives_a_restart_and_is_compressed(host: Connection) -> None:
    """Merged settings of all files, and a journal that is really on the disk (TCVN 14423:2026, 5.8.2.1a)."""
    lines = host.check_output("systemd-analyze cat-config systemd/journald.conf").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert (settings["Storage"], settings["Compress"]) == ("persistent", "yes")
    assert host.check_output("find /var/log/journal -name system.journal") != ""


@control(68)
def test_logs_are_not_for_everybody(host: Connection) -> None:
    """What users and administrators did is nobody else's to read or write (TCVN 14423:2026, 5.8.2.1a)."""
    modes = host.check_output("stat --printf '%a\\n' /var/log/syslog /var/log/auth.log").split()
    assert set(modes) == {"640"}
    assert host.check_output("find /var/log -xdev -type f -perm /o+w") == ""


@control(69)
@pytest.mark.hosts("logs")
def test_the_log_host_keeps_a_year(host: Connection) -> None:
    """What logrotate understands of its settings: 53 weeks; the law asks for 3 months, level 3 for 12."""
    told = host.run("logrotate --debug /etc/logrotate.d/hosts").stderr
    kept = re.search(r"\bweekly\b.*\((\d+) rotations\)", told)
    assert kept is not None
    assert int(kept[1]) * 7 >= 365
    assert host.check_output("systemctl is-enabled logrotate.timer") == "enabled"


def ways_out(host: Connection) -> list[tuple[str, str]]:
    """The settings of each queue whose lines leave, and of what sends them."""
    told = host.check_output("rsyslogd -N1 -o /dev/stdout 2>/dev/null")
    return re.findall(r'ruleset\(([^)]*)\)\s*{\s*action\(type="omrelp"([^)]*)\)', told)
