"""The parsers of what hosts say about passwords, PAM and packages, on output of Debian 13."""

from __future__ import annotations

from province.verify import authentication, installed
from province.verify.authentication import Pam

SHADOW = """\
root:*:20000:0:99999:7:::
ops:!:20000:0:99999:7:::
lan:$y$j9T$salt$hash:20780:1:60:7:45::
old:!$6$salt$hash:20780:0:99999:7:::
open::20780:0:99999:7:::
"""

STACKS = """
==> common-auth
# what everybody asks
auth requisite pam_faillock.so preauth
auth [success=1 default=ignore] pam_unix.so nullok

==> sudo
session required pam_limits.so
@include common-auth

==> login
-session optional pam_systemd.so
auth requisite pam_nologin.so  # a remark
"""

DPKG = """\
ii \tbash\trequired\tyes\t\tbase-files (>= 2.1), libc6 (>= 2.38), debianutils | busybox
ii \tlibc6\toptional\tno\t\tlibgcc-s1
ii \tlibgcc-s1\toptional\tno\tlibgcc1 (= 1:14)\t
ii \tbusybox\toptional\tno\t\tlibc6
ii \tmawk\toptional\tno\tawk\tlibc6
ii \ttelnet\toptional\tno\t\tnetbase, libc6
rc \tgone\toptional\tno\t\t
ii \tchrony\toptional\tno\ttime-daemon\tawk
"""


def test_a_password_is_usable_only_when_it_can_match() -> None:
    found = authentication.parse_passwords(SHADOW)
    assert {name for name, one in found.items() if one.usable} == {"lan"}
    assert (found["lan"].method, found["lan"].longest_days, found["lan"].inactive_days) == ("y", 60, 45)
    assert found["root"].inactive_days == -1


def test_a_stack_resolves_what_it_includes() -> None:
    pam = Pam(STACKS)
    assert pam.modules("sudo", "auth") == ["pam_faillock.so", "pam_unix.so"]
    faillock, unix = pam.stack("sudo", "auth")
    assert (faillock.control, faillock.arguments) == ("requisite", ("preauth",))
    assert (unix.control, unix.arguments) == ("success=1 default=ignore", ("nullok",))
    assert pam.modules("login", "session") == ["pam_systemd.so"]
    assert pam.stack("login", "auth")[0].arguments == ()


def test_rules_know_switches_values_and_remarks() -> None:
    text = "# made by\nminlen = 14\nenforce_for_root\nminlen = 16 # the later word\n"
    assert authentication.parse_rules(text) == {"minlen": "16", "enforce_for_root": "yes"}
    assert authentication.parse_defaults("PASS_MAX_DAYS\t60\n") == {"PASS_MAX_DAYS": "60"}


def test_a_package_that_nothing_leads_to_is_found() -> None:
    there = installed.parse_installed(DPKG)
    assert "gone" not in there
    assert installed.unasked(there, {"chrony"}) == {"telnet"}
    assert installed.unasked(there, {"time-daemon", "telnet"}) == set()
    assert installed.unasked(there, ()) == {"telnet", "chrony", "mawk"}
