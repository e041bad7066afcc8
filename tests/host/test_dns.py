"""Names: whom a host asks, what it is told, and what it is refused."""

from __future__ import annotations

import pytest
from testinfra.host import Host as Connection

from province.fleet.site import Duty
from province.verify import facts
from province.verify.expectations import Expected
from province.verify.facts import Socket
from province.verify.marks import control

NOT_FOUND = 2
"""What getent(1) returns for a name that does not exist."""


@control(21)
@pytest.mark.proves(78)
def test_names_are_asked_of_the_province_s_resolvers_only(host: Connection, expected: Expected) -> None:
    """A resolver of somebody else sees every name, and filters none (TCVN 14423:2026, 5.9.2.2)."""
    assert set(facts.parse_resolvers(host.check_output("cat /etc/resolv.conf"))) == expected.resolvers


@control(21)
def test_a_service_of_the_province_has_the_addresses_of_the_model(host: Connection, expected: Expected) -> None:
    """Asked as every program asks, through the host's own resolver or that of its site."""
    answer = host.check_output("getent ahostsv4 %s", expected.service_name(Duty.TIME)).split()
    assert {word for word in answer if word[0].isdigit()} == expected.addresses_of(Duty.TIME)


@control(21)
def test_a_refused_name_does_not_exist(host: Connection, expected: Expected) -> None:
    """The declared names, asked as every program asks."""
    refused = [row.id for row in expected.fleet.registers.blocked_names.rows]
    assert [host.run("getent ahosts %s", name).rc for name in refused] == [NOT_FOUND] * len(refused)


@control(21)
@pytest.mark.hosts("edge", "dns")
def test_the_resolver_refuses_the_declared_names(host: Connection, expected: Expected) -> None:
    """What the daemon has loaded; a name that nobody answers for would look refused, too."""
    zones = dict(line.split()[:2] for line in host.check_output("unbound-control list_local_zones").splitlines())
    refused = {f"{row.id}." for row in expected.fleet.registers.blocked_names.rows}
    assert {name: zones.get(name) for name in refused} == dict.fromkeys(refused, "always_nxdomain")


@control(21)
@pytest.mark.hosts("edge", "dns")
def test_signatures_of_names_are_checked(host: Connection) -> None:
    """An answer that was forged on the way is no answer (RFC 4035, section 5)."""
    options = {
        name: host.check_output("unbound-control get_option %s", name)
        for name in ("module-config", "val-permissive-mode", "trust-anchor-file")
    }
    assert "validator" in options["module-config"].split()
    assert options["val-permissive-mode"] == "no"
    assert host.file(options["trust-anchor-file"]).contains("DS\\|DNSKEY")


@pytest.mark.proves(21)
@pytest.mark.hosts("edge", "dns")
def test_the_resolver_answers_where_it_is_declared_to(sockets: frozenset[Socket], expected: Expected) -> None:
    """Nobody on the Internet or on the specialised network is answered by a commune's node."""
    seen = {one.address for one in sockets if one.process == "unbound" and not one.loopback}
    assert seen == set(expected.facts["dns_addresses"])
