"""What hosts say about themselves, each fact read by one command and kept while the host's tests run."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Interface, IPv6Interface

import pytest
from testinfra.host import Host as Connection

from province.verify import authentication, facts, ruleset
from province.verify.arrival import Arrivals
from province.verify.authentication import Pam, Password
from province.verify.expectations import Expected

pytest_plugins = ["province.verify.plugin"]


@pytest.fixture(scope="session")
def sshd(host: Connection) -> facts.SshdConfig:
    return facts.SshdConfig(host.check_output(facts.SSHD))


@pytest.fixture(scope="session")
def sockets(host: Connection) -> frozenset[facts.Socket]:
    return facts.parse_sockets(host.check_output(facts.SOCKETS))


@pytest.fixture(scope="session")
def addresses(host: Connection) -> dict[str, frozenset[IPv4Interface | IPv6Interface]]:
    return facts.parse_addresses(host.check_output(facts.ADDRESSES))


@pytest.fixture(scope="session")
def routes(host: Connection) -> frozenset[facts.Route]:
    return facts.parse_routes(host.check_output(facts.ROUTES))


@pytest.fixture(scope="session")
def firewall(host: Connection) -> ruleset.Ruleset:
    return ruleset.Ruleset(host.check_output(ruleset.LOADED))


@pytest.fixture(scope="session")
def sysctls(host: Connection, expected: Expected) -> dict[str, str]:
    return facts.parse_sysctls(host.run(facts.sysctls_command(expected.manifest.sysctls)).stdout)


@pytest.fixture(scope="session")
def accounts(host: Connection) -> dict[str, facts.Account]:
    return facts.parse_accounts(host.check_output(facts.ACCOUNTS))


@pytest.fixture(scope="session")
def passwords(host: Connection) -> dict[str, Password]:
    return authentication.parse_passwords(host.check_output(authentication.SHADOW))


@pytest.fixture(scope="session")
def pam(host: Connection) -> Pam:
    return Pam(host.check_output(authentication.PAM))


@pytest.fixture(scope="session")
def packages(host: Connection) -> frozenset[str]:
    return facts.parse_packages(host.check_output(facts.PACKAGES))


@pytest.fixture(scope="session")
def arrivals(connect_to: Callable[[str], Connection]) -> Arrivals:
    """What has reached the log hosts in this run."""
    return Arrivals(connect_to)


@pytest.fixture(scope="session")
def units(host: Connection, expected: Expected) -> dict[str, dict[str, str]]:
    return facts.parse_units(host.check_output(facts.units_command(expected.manifest.units)))


@pytest.fixture(scope="session")
def files(host: Connection, expected: Expected) -> dict[str, facts.File]:
    return facts.parse_files(host.run(facts.files_command(expected.manifest.files)).stdout)
