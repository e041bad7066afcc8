"""Passwords: how good they have to be, how long they live, and what a wrong one leads to."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from testinfra.host import Host as Connection

from province.verify import authentication
from province.verify.authentication import Pam, Password
from province.verify.expectations import Expected
from province.verify.marks import control

Passwords = dict[str, Password]
Defaults = Mapping[str, str]
ASKING = ("login", "sshd", "su", "sudo")
"""Services that may ask for a password."""


@pytest.fixture(scope="session")
def login_defaults(host: Connection) -> Defaults:
    """What the tools that make accounts go by."""
    return authentication.parse_defaults(host.check_output(authentication.DEFAULTS))


def rules(host: Connection, name: str) -> dict[str, str]:
    """The merged rules of a PAM module."""
    return authentication.parse_rules(host.check_output(authentication.RULES, name, name))


@control(35)
def test_new_passwords_have_fourteen_characters_of_four_classes(pam: Pam, host: Connection) -> None:
    """The module asks before the password is taken, and root is asked, too (TCVN 14423:2026, 5.6.2.2b)."""
    modules = pam.modules("passwd", "password")
    assert "pam_pwquality.so" in modules[: modules.index("pam_unix.so")]
    quality = rules(host, "pwquality")
    assert int(quality["minlen"]) >= 14
    assert int(quality["minclass"]) == 4
    assert quality["enforcing"] == "1"
    assert "enforce_for_root" in quality


@control(36)
def test_the_last_ten_passwords_are_not_taken_again(pam: Pam, host: Connection) -> None:
    """Twenty-four, which is what the benchmark asks for (TCVN 14423:2026, 5.6.2.2b)."""
    modules = pam.modules("passwd", "password")
    assert "pam_pwhistory.so" in modules[: modules.index("pam_unix.so")]
    assert int(rules(host, "pwhistory")["remember"]) >= 10


@control(37)
@pytest.mark.parametrize("service", ASKING)
def test_wrong_passwords_lock_the_account_for_a_while(pam: Pam, service: str) -> None:
    """Counted before and after the question, wherever it is asked (TCVN 14423:2026, 5.5.2.2a)."""
    stack = [(step.module, *step.arguments[:1]) for step in pam.stack(service, "auth")]
    password = next(number for number, step in enumerate(stack) if step[0] == "pam_unix.so")
    assert ("pam_faillock.so", "preauth") in stack[:password]
    assert stack[password + 1] == ("pam_faillock.so", "authfail")


@control(37)
def test_five_wrong_passwords_are_too_many(host: Connection) -> None:
    """For a quarter of an hour at least (TCVN 14423:2026, 5.5.2.2a)."""
    settings = rules(host, "faillock")
    assert 0 < int(settings["deny"]) <= 5
    assert int(settings["unlock_time"]) >= 900


@control(38)
def test_no_password_is_used_longer_than_sixty_days(passwords: Passwords, login_defaults: Defaults) -> None:
    """Those that exist, and those that come (TCVN 14423:2026, 5.6.2.2b)."""
    assert {one.name for one in passwords.values() if one.usable and not 0 < one.longest_days <= 60} == set()
    assert int(login_defaults["PASS_MAX_DAYS"]) <= 60


@control(39)
def test_unused_accounts_are_locked_after_45_days(passwords: Passwords, host: Connection, expected: Expected) -> None:
    """All but the sealed one, which is there for a day that may be years away (TCVN 14423:2026, 5.6.2.3)."""
    usable = {one.name for one in passwords.values() if one.usable and not 0 <= one.inactive_days <= 45}
    assert usable - {expected.break_glass} == set()
    assert "INACTIVE=45" in host.check_output("useradd -D").splitlines()


@control(40)
def test_passwords_are_kept_as_yescrypt(passwords: Passwords, pam: Pam, login_defaults: Defaults) -> None:
    """Those that exist, and those that PAM and the tools will make (TCVN 14423:2026, 5.4.2.4a)."""
    assert {one.method for one in passwords.values() if one.usable} <= {"y"}
    unix = next(step for step in pam.stack("passwd", "password") if step.module == "pam_unix.so")
    assert "yescrypt" in unix.arguments
    assert login_defaults["ENCRYPT_METHOD"] == "YESCRYPT"


@control(42)
@pytest.mark.parametrize("service", ASKING)
def test_an_empty_password_opens_nothing(pam: Pam, service: str) -> None:
    """No service takes an account without a password for one with an empty one (TCVN 14423:2026, 5.6.2.1c)."""
    assert {step.module for step in pam.stack(service, "auth") if "nullok" in step.arguments} == set()
