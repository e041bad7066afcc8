"""What the kernel writes down: the rules that it has loaded, compared with those that are declared."""

from __future__ import annotations

import re

from testinfra.host import Host as Connection

from province.verify.authentication import parse_rules
from province.verify.expectations import Expected
from province.verify.marks import control

RULES = "/etc/audit/rules.d/audit.rules"
KEYS = re.compile(r"(?:-k |key=)(\S+)")
SUBJECTS = {
    "identity",
    "privilege",
    "logins",
    "session",
    "time",
    "network",
    "mounts",
    "modules",
    "confinement",
    "delete",
}


LOADED = "auditctl -l"
"""The rules that are in force."""


@control(62)
def test_the_audit_daemon_runs_from_the_start(host: Connection) -> None:
    """Nothing that starts before it goes unseen, and nothing is lost while it starts (TCVN 14423:2026, 5.8.2.1a)."""
    assert host.run("systemctl is-active auditd.service audit-rules.service").stdout.split() == ["active"] * 2
    words = host.check_output("cat /proc/cmdline").split()
    assert {"audit=1", "audit_backlog_limit=8192"} <= set(words)


@control(63)
def test_changes_that_matter_are_written_down(host: Connection, expected: Expected) -> None:
    """Every declared rule is in force, one for one (TCVN 14423:2026, 5.8.2.1a)."""
    declared = KEYS.findall(expected.manifest.files[RULES].content)
    assert set(declared) >= SUBJECTS
    assert sorted(KEYS.findall(host.check_output(LOADED))) == sorted(declared)


@control(64)
def test_programs_that_people_start_are_written_down(host: Connection) -> None:
    """Everything that somebody starts who has logged in, as root too (TCVN 14423:2026, 5.8.2.1a)."""
    rules = [line for line in host.check_output(LOADED).splitlines() if KEYS.findall(line) == ["programs"]]
    assert [("execve" in rule, "auid>=1000" in rule) for rule in rules] == [(True, True)]


@control(65)
def test_nobody_changes_the_rules_before_the_next_start(host: Connection) -> None:
    """Mode 2 of the kernel: not even root (TCVN 14423:2026, 5.8.2.1a)."""
    assert "enabled 2" in host.check_output("auditctl -s").splitlines()


@control(65)
def test_a_full_disk_is_seen_before_it_is_full(host: Connection) -> None:
    """The log host has every record; here the oldest make room, and running short is a line there."""
    settings = parse_rules(host.check_output("cat /etc/audit/auditd.conf"))
    assert {settings[name].lower() for name in ("space_left_action", "admin_space_left_action")} == {"syslog"}
    assert settings["disk_full_action"].lower() == "rotate"
    assert settings["max_log_file_action"].lower() == "rotate"
