"""Changed system files: the database they are compared with, and when that happens."""

from __future__ import annotations

from testinfra.host import Host as Connection

from province.verify.marks import control

DAY = 86_400


@control(70)
def test_system_files_are_compared_within_a_day(host: Connection) -> None:
    """The next scan as systemd has planned it, random delay included (TCVN 14423:2026, 5.4.2.5)."""
    assert host.check_output("systemctl is-enabled integrity-scan.timer") == "enabled"
    show = "systemctl show --property NextElapseUSecRealtime --value integrity-scan.timer"
    seconds = int(host.check_output(f'echo $(( $(date -d "$({show})" +%s) - $(date +%s) ))'))
    assert 0 <= seconds <= DAY


@control(70)
def test_the_last_comparison_was_a_day_ago_at_most(host: Connection) -> None:
    """A database that is there, for root alone, and in use (TCVN 14423:2026, 5.4.2.5)."""
    mode, age = host.check_output("stat --printf '%a %Y' /var/lib/aide/aide.db && echo \" $(date +%s)\"").split(" ", 1)
    written, now = (int(number) for number in age.split())
    assert mode == "600"
    assert now - written <= DAY + 3600
