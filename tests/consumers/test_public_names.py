"""What the Internet is told, by those who ask: a real name server that signs, and the libraries of mail servers.

`tools/consumers` installs BIND. A message that the province sent is believed; one in its name from elsewhere is not.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dkim
import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
import spf
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from province.fleet.fence import Fence
from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.fleet.public_names import DkimKey

from .copies_servers import until
from .relay_servers import free_port
from .test_exports import asked, export, program

CONFIGURATION = """\
options {{
    directory "{place}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    recursion no;
}};
controls {{ }};
zone "{zone}" {{
    type primary;
    file "db.{zone}";
    dnssec-policy default;
    inline-signing yes;
}};
"""
MESSAGE = b"From: office@an-giang.example\r\nTo: you@elsewhere.example\r\nSubject: Invitation\r\n\r\nCome at nine.\r\n"
ELSEWHERE = "198.51.100.7"


class Published:
    """The public zone at a name server, and the private key of mail, as the relay would have it."""

    def __init__(self, place: Path, fleet: Fleet) -> None:
        self.port = free_port()
        self.zone = fleet.province.domain
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().splitlines()
        self.fleet = _signing(fleet, "".join(public[1:-1]))
        self.file = export(self.fleet, "public-dns", place) / f"db.{self.zone}"
        (place / "named.conf").write_text(CONFIGURATION.format(place=place, port=self.port, zone=self.zone))
        with (place / "log").open("wb") as log:
            command = [program("named"), "-f", "-c", str(place / "named.conf")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._signed, f"the name server signs: {(place / 'log').read_text()}")
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = ["127.0.0.1"]
        self.resolver.port = self.port

    def ask(self, name: str, kind: str) -> dns.message.Message:
        query = dns.message.make_query(name, kind, want_dnssec=True)
        return dns.query.udp_with_fallback(query, "127.0.0.1", port=self.port, timeout=5)[0]

    def _signed(self) -> bool:
        assert self.process.poll() is None, "the name server has ended"
        try:
            return len(self.ask(self.zone, "DNSKEY").answer) == 2
        except (dns.exception.DNSException, OSError):
            return False


def _signing(fleet: Fleet, key: str) -> Fleet:
    """The province once its relay has made a key and said its public part."""
    mail = fleet.systems["mail"]
    assert mail.mail is not None
    signing = mail.mail.model_copy(update={"dkim": (DkimKey(selector="relay-1", key=key),)})
    return replace(fleet, systems={**fleet.systems, "mail": mail.model_copy(update={"mail": signing})})


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    made = Published(tmp_path_factory.mktemp("public"), load_fleet("production"))
    before = dns.resolver.default_resolver
    # SPF's and DKIM's libraries ask whom the machine asks.
    dns.resolver.default_resolver = made.resolver
    yield made
    dns.resolver.default_resolver = before
    made.process.terminate()
    made.process.wait(20)


def believed(sender: str, address: str, helo: str) -> str:
    """What a mail server elsewhere finds when it asks who may send in a name (RFC 7208)."""
    result: str = spf.check2(i=address, s=sender, h=helo, timeout=10)[0]
    return result


def test_bind_takes_the_zone_without_a_warning(published: Published) -> None:
    strict = ("-i", "local", "-k", "fail", "-n", "fail", "-r", "fail")
    done = asked("named-checkzone", *strict, published.zone, published.file)
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["OK"]), done.stdout


def test_every_public_name_is_signed_and_leads_to_both_protocols(published: Published) -> None:
    keys = published.ask(published.zone, "DNSKEY").answer[0]
    zone = dns.name.from_text(published.zone)
    for name in ("portal", "storefronts", "relay.mail.rach-gia"):
        for kind in ("A", "AAAA"):
            answer, signature = published.ask(f"{name}.{published.zone}", kind).answer
            dns.dnssec.validate(answer, signature, {zone: keys})
    answer, signature = published.ask(f"portal.{published.zone}", "A").answer
    forged = dns.rrset.from_text(answer.name, answer.ttl, "IN", "A", ELSEWHERE)
    with pytest.raises(dns.exception.ValidationFailure):
        dns.dnssec.validate(forged, signature, {zone: keys})


def test_the_primary_site_takes_mail_before_the_other(published: Published) -> None:
    answers = published.resolver.resolve(published.zone, "MX")
    relays = [one.exchange.to_text(omit_final_dot=True) for one in sorted(answers, key=lambda one: one.preference)]
    assert relays == [f"relay.mail.{site}.{published.zone}" for site in ("rach-gia", "long-xuyen")]


def test_a_key_that_is_not_made_yet_is_not_published(tmp_path: Path) -> None:
    fleet = load_fleet("production")
    text = (export(fleet, "public-dns", tmp_path) / f"db.{fleet.province.domain}").read_text()
    assert "_dmarc IN TXT" in text
    assert "_domainkey" not in text


def test_what_is_not_for_the_internet_is_not_told(published: Published) -> None:
    for name in ("identity", "mail", "phu-quoc-people", "time"):
        answer = published.ask(f"{name}.{published.zone}", "A")
        assert not answer.answer, name


def test_mail_of_the_province_s_relays_is_believed_and_of_anybody_else_it_is_not(published: Published) -> None:
    sender = f"office@{published.zone}"
    for site in published.fleet.sites.values():
        if site.public:
            relay = f"relay.mail.{site.id}.{published.zone}"
            assert believed(sender, str(site.public.ipv4), relay) == "pass"
            assert believed(sender, str(site.public.ipv6), relay) == "pass"
            assert believed("", str(site.public.ipv4), relay) == "pass", "a report of failure names no sender"
    assert believed(sender, ELSEWHERE, "relay.elsewhere.example") == "fail"
    assert believed(f"office@portal.{published.zone}", "203.0.113.10", "portal") == "fail", "the portal sends no mail"


def test_a_message_signed_by_the_relay_is_believed_until_a_letter_is_changed(published: Published) -> None:
    signature = dkim.sign(MESSAGE, b"relay-1", published.zone.encode(), published.private)
    assert dkim.verify(signature + MESSAGE)
    assert not dkim.verify(signature + MESSAGE.replace(b"nine", b"nene"))
    assert not dkim.verify(signature.replace(b"s=relay-1", b"s=relay-2") + MESSAGE), "nobody has published that key"


def test_others_are_asked_to_refuse_the_rest_and_to_tell_of_it(published: Published) -> None:
    (record,) = published.resolver.resolve(f"_dmarc.{published.zone}", "TXT")
    tags = dict(part.strip().split("=", 1) for part in b"".join(record.strings).decode().split(";"))
    assert (tags["v"], tags["p"], tags["sp"], tags["rua"]) == (
        "DMARC1",
        "reject",
        "reject",
        f"mailto:dmarc@{published.zone}",
    )
    for name in ("portal", "tourism"):
        (none,) = published.resolver.resolve(f"{name}.{published.zone}", "MX")
        assert none.to_text() == "0 .", "takes no mail (RFC 7505)"


def test_a_fenced_site_takes_no_mail_and_serves_nobody(published: Published, tmp_path: Path) -> None:
    fleet = published.fleet
    fence = Fence(id="rach-gia", since=datetime.now(UTC), who="lan", reason="a test")
    fenced = replace(fleet, fences={fence.id: fence})
    text = (export(fenced, "public-dns", tmp_path) / f"db.{published.zone}").read_text()
    assert "203.0.113.10" not in text
    assert "@ IN MX 10 relay.mail.long-xuyen" in text
