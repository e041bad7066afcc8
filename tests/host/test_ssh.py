"""Who may enter over SSH, and how: the settings that sshd runs with."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.pki.anchors import parts
from province.verify.expectations import Expected
from province.verify.facts import SshdConfig
from province.verify.marks import control

KEY_EXCHANGES = {
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
}
CIPHERS = {"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"}
MACS = {"hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com"}


@control(25)
def test_root_cannot_log_in_over_ssh(sshd: SshdConfig) -> None:
    """Administrators act under their own name (TCVN 14423:2026, 5.6.2.3)."""
    assert sshd["permitrootlogin"] == "no"


@control(26)
def test_empty_passwords_are_refused(sshd: SshdConfig) -> None:
    """An account without a password is not an open door (TCVN 14423:2026, 5.6.2.2)."""
    assert sshd["permitemptypasswords"] == "no"


@control(27)
def test_few_tries_and_little_time(sshd: SshdConfig) -> None:
    """At most 4 tries in 60 seconds (TCVN 14423:2026, 5.5.2.2a)."""
    assert int(sshd["maxauthtries"]) <= 4
    assert 0 < int(sshd["logingracetime"]) <= 60


@control(28)
def test_idle_sessions_end_within_five_minutes(sshd: SshdConfig) -> None:
    """A desk that was left is not an open session (TCVN 14423:2026, 5.12.2.4c)."""
    assert 0 < int(sshd["clientaliveinterval"]) * int(sshd["clientalivecountmax"]) <= 300


@control(29)
def test_only_strong_key_exchanges(sshd: SshdConfig) -> None:
    """No finite-field and no SHA-1 exchange; the first choice resists quantum computers."""
    assert sshd.words("kexalgorithms") <= KEY_EXCHANGES
    assert "mlkem768x25519-sha256" in sshd.words("kexalgorithms")


@control(29)
def test_only_strong_ciphers_and_macs(sshd: SshdConfig) -> None:
    """Authenticated encryption only (TCVN 14423:2026, 5.12.2.4a)."""
    assert sshd.words("ciphers") <= CIPHERS
    assert sshd.words("macs") <= MACS


@control(30)
def test_other_hosts_are_not_trusted(sshd: SshdConfig) -> None:
    """A host does not let in who came from another host (TCVN 14423:2026, 5.5.2.1b)."""
    assert (sshd["hostbasedauthentication"], sshd["ignorerhosts"]) == ("no", "yes")


@control(31)
@pytest.mark.hosts("edge", "gateway", "services", "control-plane", "worker", "storage", "ingress")
def test_nothing_is_forwarded_except_on_the_bastion(sshd: SshdConfig) -> None:
    """SSH is no way around the firewall (TCVN 14423:2026, 5.6.2.4)."""
    wanted = ("allowtcpforwarding", "allowagentforwarding", "x11forwarding", "permittunnel")
    assert {name: sshd[name] for name in wanted} == dict.fromkeys(wanted, "no")


def test_certificates_open_the_door_and_nothing_else(sshd: SshdConfig) -> None:
    """One key that was copied somewhere must not stay a way in; the bastion asks for a code after the certificate."""
    assert sshd["authenticationmethods"].startswith("publickey")
    assert sshd["authorizedkeysfile"] == "none"
    assert sshd["passwordauthentication"] == "no"


@pytest.mark.hosts("edge", "gateway", "services", "control-plane", "worker", "storage", "ingress")
def test_nobody_is_asked_anything_but_on_the_bastion(sshd: SshdConfig) -> None:
    """Where no code is needed, there is no question that a password could answer."""
    assert (sshd["authenticationmethods"], sshd["kbdinteractiveauthentication"]) == ("publickey", "no")


def test_each_certificate_opens_the_account_that_it_names(host: Connection, expected: Expected) -> None:
    """One person's certificate is not another's key, and none opens the sealed account."""
    lines = host.check_output("grep -v '^#' /etc/ssh/province/principals/*").splitlines()
    assert dict(line.rsplit("/", 1)[1].split(":") for line in lines) == {
        name: name for name in expected.accounts - {expected.break_glass}
    }


@control(43)
def test_only_the_sealed_account_has_a_password_over_ssh(host: Connection, expected: Expected) -> None:
    """Every other account is asked for a certificate first (TCVN 14423:2026, 5.6.2.3)."""
    names = sorted(expected.accounts | {"root"})
    words = " ".join(f"user={name},host=localhost,addr=127.0.0.1" for name in names)
    told = host.check_output(f"for one in {words}; do sshd -T -C $one | grep ^authenticationmethods; done")
    methods = dict(zip(names, (line.split()[1] for line in told.splitlines()), strict=True))
    assert {name for name, method in methods.items() if not method.startswith("publickey")} == {expected.break_glass}


def test_the_declared_authority_vouches_for_administrators(
    sshd: SshdConfig, host: Connection, expected: Expected
) -> None:
    """The public keys that sshd trusts are those in the environment's trust anchors: two during a rotation."""
    lines = host.check_output("cat %s", sshd["trustedusercakeys"]).splitlines()
    keys = {line for line in lines if line and not line.startswith("#")}
    assert keys == set(parts(expected.trust.ssh_user_ca))


@control(18)
def test_only_declared_accounts_may_enter_each_from_its_place(sshd: SshdConfig, expected: Expected) -> None:
    """Automation from its station, people from a bastion, the sealed account from where administrators are."""
    facts = expected.facts
    places = dict.fromkeys(expected.administrators, facts["administrator_prefixes"])
    places[expected.automation] = facts["automation_prefixes"]
    places[expected.break_glass] = [*facts["management_prefixes_ipv4"], *facts["management_prefixes_ipv6"]]
    seen = {word for line in sshd["allowusers"].splitlines() for word in line.split()}
    assert seen == {f"{name}@{prefix}" for name, prefixes in places.items() for prefix in prefixes}


@control(33)
def test_keys_and_settings_belong_to_root(sshd: SshdConfig, host: Connection) -> None:
    """Nobody else reads the host's key or writes what sshd does (TCVN 14423:2026, 5.5.2.1b)."""
    paths = ["/etc/ssh/sshd_config", *sshd["hostkey"].splitlines()]
    seen = host.check_output("stat --printf '%%U:%%G %%a\\n' -- " + " ".join(["%s"] * len(paths)), *paths)
    assert set(seen.splitlines()) == {"root:root 600"}


@control(19)
def test_unfinished_logins_are_limited(sshd: SshdConfig) -> None:
    """A flood of connections is dropped early and cannot use up the host (TCVN 14423:2026, 5.12.2.4e)."""
    start, share, full = (int(number) for number in sshd["maxstartups"].split(":"))
    assert (start <= 20, share >= 30, full <= 60) == (True, True, True)


@control(32)
def test_the_legal_notice_comes_before_the_login(ssh_banner: str, expected: Expected) -> None:
    """Who connects is told whose system it is, in both languages (TCVN 14423:2026, 5.5.2.1a)."""
    notice = expected.manifest.files["/etc/issue.net"].content.split()
    assert " ".join(notice) in " ".join(ssh_banner.split())
