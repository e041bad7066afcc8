"""Names on real hosts: from a commune's node over TLS to the provincial resolvers, through every fault we know."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from province.fleet.exposed import exposed_at
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.fleet.site import Duty
from province.lab import signed_zone
from province.lab.state import Place
from province.manifest.passages import entrances
from province.manifest.peers import Peers

from .conftest import CHECKOUT, Command
from .zone_server import BOGUS, GOOD, SHORT, serving, signed

pytestmark = pytest.mark.lab

QUESTION = Path(__file__).with_name("question.py").read_text(encoding="utf-8")
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME, REFUSED = 0, 2, 3, 5
"""Response codes (RFC 1035, 4.1.1)."""
PATIENCE = 60.0

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("lab")


@pytest.fixture(scope="module")
def node(fleet: Fleet) -> Host:
    return next(host for host in fleet.hosts.values() if host.host_class == "edge")


@pytest.fixture(scope="module")
def resolvers(fleet: Fleet, node: Host) -> tuple[Host, ...]:
    return Peers(fleet).with_duty(Duty.DNS, node)


@pytest.fixture(scope="module")
def zone(fleet: Fleet) -> str:
    """The zone that the router answers for."""
    return next(one.zone for one in fleet.environment.forward_zones if one.to == "router")


@pytest.fixture
def outside(fleet: Fleet, zone: str, node: Host, resolvers: tuple[Host, ...]) -> Iterator[str]:
    """The signed zone is answered for, and nobody remembers anything of it."""
    key = signed_zone.key(Place(CHECKOUT), zone)
    with serving(signed(zone, key), Peers(fleet).station):
        forget(node, *resolvers)
        yield zone


@pytest.fixture
def stopped(resolvers: tuple[Host, ...]) -> Iterator[Callable[[Host], object]]:
    """Stop the resolver of a host; all run again afterwards."""
    yield lambda host: on(host, "sudo systemctl stop unbound")
    for host in resolvers:
        on(host, "sudo systemctl start unbound")


def on(host: Host, command: str, given: str = "") -> str:
    """Run a command on a host and return what it printed."""
    done = subprocess.run(["ssh", host.name, command], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{host.name}: {command}\n{done.stderr}"
    return done.stdout


def ask(host: Host, resolver: str, name: str, *options: str) -> dict[str, Any]:
    """What a resolver says to a host about the address of a name."""
    found: dict[str, Any] = json.loads(on(host, f"python3 - {resolver} {name} {' '.join(options)}", QUESTION))
    return found


def forget(*hosts: Host) -> None:
    """Empty the caches of resolvers, also of who did not answer lately."""
    for host in hosts:
        on(host, "sudo unbound-control flush_zone . && sudo unbound-control flush_infra all")


def until(probe: Callable[[], Any], wanted: Callable[[Any], bool]) -> Any:
    """Ask again until the answer is the wanted one."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(seen := probe()):
        assert time.monotonic() < deadline, seen
    return seen


@pytest.mark.proves(21, 96)
def test_a_node_s_question_goes_over_tls_to_a_provincial_resolver(
    fleet: Fleet, node: Host, resolvers: tuple[Host, ...]
) -> None:
    def over_tls() -> int:
        shown = "".join(on(host, "sudo unbound-control stats_noreset") for host in resolvers)
        return sum(int(line.partition("=")[2]) for line in shown.splitlines() if line.startswith("num.query.tls="))

    forget(node)
    before = over_tls()
    other = next(host for host in fleet.hosts.values() if host.host_class == "edge" and host is not node)
    said = ask(node, "127.0.0.1", other.fqdn)
    assert said["addresses"] == [str(other.management.ipv4.ip)]
    assert over_tls() > before


@pytest.mark.proves(31)
def test_a_system_s_name_leads_to_the_entrance_of_its_site(fleet: Fleet, node: Host) -> None:
    """What users of a commune type; `tests/cluster/test_ingress.py` goes on from there."""
    site = fleet.primary_site
    door = entrances(fleet, site)[0].plain[0]
    for name in exposed_at(fleet, site):
        assert str(door) in ask(node, "127.0.0.1", name.host)["addresses"], name


def test_a_node_does_not_believe_a_resolver_without_the_right_certificate(
    node: Host, resolvers: tuple[Host, ...]
) -> None:
    """The same addresses under other names: the certificates do not fit, so nobody is asked."""
    other = "sudo sed -i 's/@853#/@853#not-/' /etc/unbound/unbound.conf && sudo systemctl restart unbound"
    try:
        on(node, other)
        assert ask(node, "127.0.0.1", resolvers[0].fqdn)["code"] == SERVER_FAILURE
    finally:
        on(node, "sudo sed -i 's/@853#not-/@853#/' /etc/unbound/unbound.conf && sudo systemctl restart unbound")
    assert ask(node, "127.0.0.1", resolvers[0].fqdn)["code"] == NO_ERROR


@pytest.mark.proves(96)
def test_one_resolver_is_enough_and_without_any_what_was_known_stays_known(
    fleet: Fleet, node: Host, resolvers: tuple[Host, ...], stopped: Callable[[Host], object], outside: str
) -> None:
    short = f"short.{outside}"
    assert ask(node, "127.0.0.1", short)["addresses"] == [SHORT]
    stopped(resolvers[0])
    said = until(lambda: ask(node, "127.0.0.1", f"good.{outside}"), lambda said: said.get("code") == NO_ERROR)
    assert said["addresses"] == [GOOD]
    for host in resolvers[1:]:
        stopped(host)
    until(lambda: ask(node, "127.0.0.1", f"never-asked.{outside}"), lambda said: said.get("code") == SERVER_FAILURE)
    assert ask(node, "127.0.0.1", short)["addresses"] == [SHORT], "over since a second, and nobody can be asked"


@pytest.mark.proves(78)
def test_a_forged_record_is_refused_by_the_resolvers_and_by_the_node_itself(
    node: Host, resolvers: tuple[Host, ...], outside: str
) -> None:
    good, bogus = f"good.{outside}", f"bogus.{outside}"
    for host in (*resolvers, node):
        said = ask(host, "127.0.0.1", good)
        assert (said["code"], said["authentic"], said["addresses"]) == (NO_ERROR, True, [GOOD]), host.name
        assert ask(host, "127.0.0.1", bogus)["code"] == SERVER_FAILURE, host.name
        assert ask(host, "127.0.0.1", bogus, "--unchecked")["addresses"] == [BOGUS], "it is there, and it is refused"


def test_a_blocked_name_does_not_exist_and_an_unknown_one_fails_at_once(
    fleet: Fleet, node: Host, resolvers: tuple[Host, ...]
) -> None:
    for row in fleet.registers.blocked_names.rows:
        for host in (*resolvers, node):
            assert ask(host, "127.0.0.1", f"www.{row.id}")["code"] == NO_SUCH_NAME, (host.name, row.id)
    assert ask(resolvers[0], "127.0.0.1", "www.example.com")["code"] == REFUSED
    assert ask(node, "127.0.0.1", "www.example.com")["code"] == SERVER_FAILURE


def test_a_node_answers_nobody_outside_its_commune(fleet: Fleet, node: Host, resolvers: tuple[Host, ...]) -> None:
    """Neither on the specialised network nor on the Internet, not even its own province's hosts."""
    for path in fleet.province.edge_paths:
        address = node.interface(path.id).address.ipv4.ip
        assert "silent" in ask(resolvers[0], str(address), node.fqdn), path.id


def test_a_new_certificate_comes_into_use_while_names_are_resolved(
    fleet: Fleet, node: Host, resolvers: tuple[Host, ...], ansible: Command
) -> None:
    host = resolvers[0]
    shown = (
        f"openssl s_client -connect {host.interfaces[0].address.ipv4.ip}:853 < /dev/null | openssl x509 -noout -serial"
    )
    before = on(host, shown)
    (CHECKOUT / "inventories/lab/trust/certificates" / f"{host.name}.pem").unlink()
    name = f"renewal-$((i=i+1)).{fleet.province.domain}"
    loop = f"while [ ! -e /tmp/renewed ]; do python3 /tmp/question.py 127.0.0.1 {name}; done"
    on(node, "rm -f /tmp/renewed; cat > /tmp/question.py", QUESTION)
    with subprocess.Popen(["ssh", node.name, loop], stdout=subprocess.PIPE, text=True) as asking:
        try:
            done = ansible("enrol", "--limit", host.name)
            assert done.returncode == 0, done.stdout
            done = ansible("baseline", "--limit", host.name)
            assert done.returncode == 0, done.stdout
        finally:
            on(node, "touch /tmp/renewed")
        said = [json.loads(line) for line in asking.communicate()[0].splitlines()]
    on(node, "rm -f /tmp/renewed /tmp/question.py")
    assert on(host, shown) != before
    assert len(said) > 10
    assert {one.get("code") for one in said} == {NO_SUCH_NAME}, "every question was answered"
