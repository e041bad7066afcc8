"""The bastion: people show a certificate and a code; automation and the sealed account have rules of their own."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.verify.authentication import Pam
from province.verify.expectations import Expected
from province.verify.facts import SshdConfig
from province.verify.marks import control

pytestmark = pytest.mark.hosts("bastion")

SECRETS = "find /var/lib/second-factor -mindepth 0 -printf '%U:%G %m\\n' 2>/dev/null || true"


def settings_of(host: Connection, name: str) -> SshdConfig:
    """What sshd applies to one account."""
    return SshdConfig(host.check_output("sshd -T -C user=%s,host=localhost,addr=127.0.0.1", name))


@control(34)
def test_people_need_a_certificate_and_a_code(sshd: SshdConfig, host: Connection, expected: Expected) -> None:
    """Whoever is no program and has no sealed envelope (TCVN 14423:2026, 5.6.2.4)."""
    both = "publickey,keyboard-interactive:pam"
    assert sshd["authenticationmethods"] == both
    seen = {name: settings_of(host, name)["authenticationmethods"] for name in sorted(expected.administrators)}
    assert seen == dict.fromkeys(sorted(expected.administrators), both)


@control(34)
def test_the_code_is_asked_for_and_decides(pam: Pam, expected: Expected) -> None:
    """No other module's yes replaces it, and who has no secret does not get in (TCVN 14423:2026, 5.6.2.4)."""
    sealed, code, *_ = pam.stack("sshd", "auth")
    assert (sealed.module, sealed.arguments) == ("pam_succeed_if.so", ("quiet", "user", "=", expected.break_glass))
    assert sealed.control == "success=1 default=ignore"
    assert (code.module, code.control) == ("pam_google_authenticator.so", "success=done default=die")
    assert "nullok" not in code.arguments


@control(34)
def test_nobody_but_root_reads_the_secrets(host: Connection) -> None:
    """A secret that was read is a second factor for two (TCVN 14423:2026, 5.6.2.4)."""
    assert set(host.check_output(SECRETS).split("\n")) <= {"", "0:0 700", "0:0 400", "0:0 600"}
