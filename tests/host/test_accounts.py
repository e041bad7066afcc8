"""Who has an account, and what it may do."""

from __future__ import annotations

import re

from testinfra.host import Host as Connection

from province.verify.authentication import Pam
from province.verify.expectations import Expected
from province.verify.facts import Account, parse_sudo_defaults
from province.verify.marks import control

Accounts = dict[str, Account]
PEOPLE = range(1000, 60000)
"""Numbers that login.defs(5) gives to people."""

AS_ONESELF = re.compile(r"^(\S+) ALL ?= ?\(\1\) NOPASSWD: ")
"""A rule by which somebody stays who it is: recorded sessions of a bastion."""
READABLE = ("/etc/passwd", "/etc/group", "/etc/shells")
SECRET = ("/etc/shadow", "/etc/gshadow")
IDENTITY_FILES = "stat --printf '%n %U:%G %a\\n' -- " + " ".join(
    [*READABLE, *SECRET, "/etc/security/opasswd*", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"]
)


def allowed(path_and_owner: str) -> set[str]:
    """The modes that a file may have, by its path and owner; an owner nobody expects has none."""
    path, _, owner = path_and_owner.partition(" ")
    if path.rstrip("-") in READABLE:
        return {"644", "600"} if owner == "root:root" else set()
    return {"640", "600", "400", "0"} if owner in {"root:shadow", "root:root"} else set()


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


@control(44)
def test_only_root_and_declared_accounts_have_a_shell(accounts: Accounts, expected: Expected) -> None:
    """System accounts cannot log in (TCVN 14423:2026, 5.6.2.3)."""
    assert {one.name for one in accounts.values() if one.can_log_in} == {"root"} | expected.accounts


@control(45)
def test_no_foreign_account_and_none_is_missing(accounts: Accounts, expected: Expected) -> None:
    """Whose number is a person's stands in the model, and the other way round (TCVN 14423:2026, 5.6.2.1)."""
    people = {one.name for one in accounts.values() if one.uid in PEOPLE or (one.uid == 0 and one.name != "root")}
    assert people == expected.accounts


@control(45)
def test_no_password_opens_automation_s_account(accounts: Accounts, expected: Expected) -> None:
    """Certificates run out by themselves, passwords do not."""
    assert accounts[expected.automation].locked


@control(46)
def test_sudo_uses_a_terminal_logs_and_asks_again(host: Connection, expected: Expected) -> None:
    """What sudo applies to a person, all files merged, the last word counting (TCVN 14423:2026, 5.6.2.4)."""
    names = sorted(expected.administrators | {expected.break_glass})
    asked = f"for one in {' '.join(names)}; do echo '==>'; sudo -l -U $one; done"
    told = host.check_output(asked).split("==>")[1:]
    assert len(told) == len(names)
    for name, answer in zip(names, told, strict=True):
        settings = parse_sudo_defaults(answer)
        assert settings["use_pty"] == "yes"
        assert settings["logfile"].startswith("/var/log/")
        assert settings["syslog"] == "authpriv"
        assert 0 <= float(settings["timestamp_timeout"]) <= 15
        unasked = {line.strip() for line in answer.splitlines() if "NOPASSWD" in line}
        assert unasked <= {f"({name}) NOPASSWD: /usr/bin/bash"}, "nobody becomes anybody else without being asked"


@control(46)
def test_only_automation_acts_as_root_without_a_password(host: Connection, expected: Expected) -> None:
    """No file of sudoers gives anybody else a way around the question (TCVN 14423:2026, 5.6.2.4)."""
    lines = host.check_output("cvtsudoers -f sudoers -e /etc/sudoers | grep -E 'NOPASSWD|!authenticate'").splitlines()
    others = [line for line in lines if not AS_ONESELF.match(line)]
    assert [line.split()[0] for line in others] == [expected.automation]


@control(47)
def test_su_is_for_a_named_group_that_nobody_is_in(pam: Pam, host: Connection) -> None:
    """Root reaches other accounts, nobody reaches root that way (TCVN 14423:2026, 5.6.2.4)."""
    steps = [(step.module, step.control) for step in pam.stack("su", "auth") if "group=su" in step.arguments]
    assert steps == [("pam_wheel.so", "required")]
    assert host.check_output("getent group su").rpartition(":")[2] == ""


@control(72)
def test_identity_files_belong_to_root(host: Connection) -> None:
    """Nobody writes who there is, and nobody reads how they prove it (TCVN 14423:2026, 5.5.2.1b)."""
    seen = dict(line.rsplit(" ", 1) for line in host.check_output(IDENTITY_FILES).splitlines())
    assert {path: mode for path, mode in seen.items() if mode not in allowed(path)} == {}
    assert set(READABLE + SECRET) <= {path for path, _, _ in (one.partition(" ") for one in seen)}


@control(48)
def test_sessions_end_and_new_files_are_private(host: Connection, expected: Expected) -> None:
    """A login shell's own answer (TCVN 14423:2026, 5.5.2.2a)."""
    name = expected.automation
    mask, timeout = host.check_output("su - %s -c 'umask; echo $TMOUT'", name).split()
    assert mask == "0027"
    assert 0 < int(timeout) <= 900
