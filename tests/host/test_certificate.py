"""The host's own certificate: made for its key, signed by our authority, good for a while yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.pki.certificate import fault, key_of, read
from province.pki.subject import subject
from province.verify.expectations import Expected
from province.verify.marks import control

PLACE = "/etc/ssl/province"
AT_LEAST = timedelta(days=30)
HANDSHAKE = (
    "openssl s_client -connect {address}:{port} {version} -verify_return_error -verify_hostname {name}"
    f" -CAfile {PLACE}/service-ca.pem < /dev/null"
)


def test_the_certificate_is_the_host_s_own(host: Connection, node: Host, expected: Expected) -> None:
    """For its key, with its names and addresses, from the authority that all hosts trust."""
    certificate = host.check_output(f"openssl x509 -in {PLACE}/host.pem")
    assert fault(certificate, subject(node), expected.trust.service_ca, datetime.now(UTC)) == ""
    assert read(certificate).public_key == key_of(host.check_output(f"openssl pkey -pubout -in {PLACE}/host.key"))


def test_nobody_else_reads_the_key(host: Connection) -> None:
    """Who has it is the host."""
    assert host.check_output(f"stat --printf '%U %a' {PLACE}/host.key") == "root 600"


@control(74)
@pytest.mark.hosts("dns")
def test_the_resolver_shows_a_certificate_that_is_valid_for_another_month(
    host: Connection, node: Host, expected: Expected
) -> None:
    """By a handshake, as a node makes it; 30 days are left to renew it (TCVN 14423:2026, 5.4.2.4b)."""
    words = {"address": expected.facts["dns_addresses"][0], "port": 853, "name": node.fqdn}
    shown = host.check_output(HANDSHAKE.format(version="", **words))
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    certificate = read(begin + shown.partition(begin)[2].partition(end)[0] + end)
    assert certificate.left(datetime.now(UTC)) > AT_LEAST


@control(74)
@pytest.mark.hosts("dns")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_the_resolver_speaks_no_old_tls(version: str, host: Connection, node: Host, expected: Expected) -> None:
    """TLS 1.2 is the oldest (TCVN 14423:2026, 5.4.2.4b); a client that would speak an older one is declined."""
    words = {"address": expected.facts["dns_addresses"][0], "port": 853, "name": node.fqdn}
    done = host.run(HANDSHAKE.format(version=f"{version} -cipher DEFAULT@SECLEVEL=0", **words))
    assert "alert protocol version" in done.stderr
