"""Who has an account, and what it may do."""

from __future__ import annotations

from testinfra.host import Host as Connection

from province.verify.expectations import Expected
from province.verify.facts import Account, parse_sudo_defaults
from province.verify.marks import control

Accounts = dict[str, Account]


@control(41)
def test_only_root_has_user_number_zero(accounts: Accounts) -> None:
    """A second root is a back door (TCVN 14423:2026, 5.6.2.1c)."""
    assert [one.name for one in accounts.values() if one.uid == 0] == ["root"]


@control(42)
def test_no_number_stands_twice_and_no_password_is_empty(accounts: Accounts, host: Connection) -> None:
    """Every action leads to one person (TCVN 14423:2026, 5.6.2.1c)."""
    assert len({one.uid for one in accounts.values()}) == len(accounts)
    assert host.check_output("awk -F: '$2 == \"\" {print $1}' /etc/shadow") == ""


@control(43)
def test_no_password_opens_root(accounts: Accounts) -> None:
    """Root's power is reached through sudo, under a name (TCVN 14423:2026, 5.6.2.3)."""
    assert accounts["root"].locked


@control(44, 45)
def test_only_root_and_declared_administrators_can_log_in(accounts: Accounts, expected: Expected) -> None:
    """System accounts have no shell; people are in the model (TCVN 14423:2026, 5.6.2.1, 5.6.2.3)."""
    assert {one.name for one in accounts.values() if one.can_log_in} == {"root"} | expected.administrators


@control(45)
def test_no_password_opens_an_administrator_s_account(accounts: Accounts, expected: Expected) -> None:
    """Certificates run out by themselves, passwords do not."""
    assert {name for name in expected.administrators if not accounts[name].locked} == set()


@control(46)
def test_sudo_uses_a_terminal_logs_and_asks_again(host: Connection, expected: Expected) -> None:
    """What sudo applies to an administrator, all files merged, the last word counting (TCVN 14423:2026, 5.6.2.4)."""
    told = host.check_output("sudo -l -U %s", min(expected.administrators))
    settings = parse_sudo_defaults(told)
    assert settings["use_pty"] == "yes"
    assert settings["logfile"].startswith("/var/log/")
    assert 0 <= float(settings["timestamp_timeout"]) <= 15


@control(48)
def test_sessions_end_and_new_files_are_private(host: Connection, expected: Expected) -> None:
    """A login shell's own answer (TCVN 14423:2026, 5.5.2.2a)."""
    name = min(expected.administrators)
    mask, timeout = host.check_output("su - %s -c 'umask; echo $TMOUT'", name).split()
    assert mask == "0027"
    assert 0 < int(timeout) <= 900
