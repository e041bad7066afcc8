"""What a test on a host is given: the host in the model, the way to it, and what must be true there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testinfra.host import Host as Connection

from province.fleet.hosts import Host
from province.verify.check import Target
from province.verify.expectations import Expectations, Expected
from province.verify.session import VERIFICATION


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The host, and whether it is asked a second time."""
    found: Target = request.param
    return found


@pytest.fixture(scope="session")
def node(target: Target) -> Host:
    """The host as the model describes it."""
    return target.host


@pytest.fixture(scope="session")
def connect_to(request: pytest.FixtureRequest) -> Callable[[str], Connection]:
    """A function that gives the connection to any host of the environment by its name; each command is asked anew."""
    run = request.config.stash[VERIFICATION]
    return lambda name: run.observer.watched(run.way.connect(name, live=True))


@pytest.fixture(scope="session")
def ssh_banner(request: pytest.FixtureRequest, node: Host) -> str:
    """What the host says before it lets anybody in."""
    return request.config.stash[VERIFICATION].banner(node.name)


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest, target: Target) -> Connection:
    """The host as testinfra reaches it; commands run as root, and may have run before the check began."""
    run = request.config.stash[VERIFICATION]
    return run.observer.watched(run.way.connect(target.host.name, live=target.live))


@pytest.fixture(scope="session")
def acting_host(node: Host, connect_to: Callable[[str], Connection]) -> Connection:
    """The same for checks that do something there first, or never ask the same twice: nothing runs beforehand."""
    return connect_to(node.name)


@pytest.fixture(scope="session")
def expectations(request: pytest.FixtureRequest) -> Expectations:
    """What the model says about every host; trust anchors are read once."""
    return request.config.stash[VERIFICATION].expectations


@pytest.fixture(scope="session")
def expected(request: pytest.FixtureRequest, node: Host) -> Expected:
    """What must be true on this host: its manifest, and what follows from the model."""
    return request.config.stash[VERIFICATION].expected(node)
