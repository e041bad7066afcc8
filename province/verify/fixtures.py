"""What a test on a host is given: the host in the model, the way to it, and what must be true there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.expectations import Expectations, Expected
from province.verify.session import VERIFICATION
from province.verify.transport import connect, offered_banner


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Host:
    """The host as the model describes it."""
    found: Host = request.param
    return found


@pytest.fixture(scope="session")
def connect_to(request: pytest.FixtureRequest) -> Callable[[str], Connection]:
    """A function that gives the connection to any host of the environment by its name."""
    run = request.config.stash[VERIFICATION]
    return lambda name: connect(name, run.ssh_config)


@pytest.fixture(scope="session")
def ssh_banner(request: pytest.FixtureRequest, node: Host) -> str:
    """What the host says before it lets anybody in."""
    return offered_banner(node.name, request.config.stash[VERIFICATION].ssh_config)


@pytest.fixture(scope="session")
def host(node: Host, connect_to: Callable[[str], Connection]) -> Connection:
    """The host as testinfra reaches it; commands run as root."""
    return connect_to(node.name)


@pytest.fixture(scope="session")
def expectations(request: pytest.FixtureRequest) -> Expectations:
    """What the model says about every host; trust anchors are read once."""
    return Expectations.load(request.config.stash[VERIFICATION].fleet)


@pytest.fixture(scope="session")
def expected(node: Host, expectations: Expectations) -> Expected:
    """What must be true on this host: its manifest, and what follows from the model."""
    return expectations.of(node)
