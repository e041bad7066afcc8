"""Paths end and come back under real traffic: what is lost, what goes on, and what never crosses."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address

import pytest

from province.fleet.fact import RoutingDomain
from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.lab import desk, provision
from province.lab.probe import Pinger, computer_in
from province.lab.spec import LabSpec
from province.lab.state import Place
from province.manifest.tunnels import tunnel_devices

from .conftest import CHECKOUT, Command

pytestmark = pytest.mark.lab

OUTAGE = 1.2
"""Seconds that a change of path may take at most; three echoes of 300 ms and the work of two busy cores."""

PATIENCE = 60.0


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet("lab")


@pytest.fixture(scope="module")
def place() -> Place:
    return Place(CHECKOUT)


@pytest.fixture(scope="module")
def spec(fleet: Fleet) -> LabSpec:
    return provision.specification(fleet)


@pytest.fixture(scope="module")
def node(fleet: Fleet) -> Host:
    """A node of the People's Committee that watches its paths by the fast timers."""
    return next(host for host in fleet.hosts.values() if host.body == "people")


@pytest.fixture
def whole(spec: LabSpec, node: Host) -> Iterator[None]:
    """Mend the node's lines, whatever a test leaves behind."""
    yield
    for device in ("tslcd", "internet"):
        desk.restore(CHECKOUT, spec, node.name, device)


@pytest.fixture
def session(place: Place, node: Host) -> Iterator[Session]:
    """An administrator at work on the node, through the tunnels."""
    with Session(place, node) as session:
        assert session.echo("before")
        yield session


class Session:
    """An SSH session through the tunnels in which everything that is said comes back."""

    def __init__(self, place: Place, node: Host) -> None:
        words = ["ssh", "-F", str(desk.ssh_config(place.checkout)), "-o", "ControlPath=none", f"{node.name}.tunnel"]
        self._process = subprocess.Popen([*words, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()

    def echo(self, word: str) -> bool:
        """Say a word; whether it came back. Blocks until it does or the session ends."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == f"{word}\n"


def inner(node: Host) -> IPv4Address:
    """The node's address in its own management zone, reached through the tunnels alone."""
    return node.interface("management").address.plain[0]


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}"
        time.sleep(0.2)


def at(place: Place, host: str, command: str) -> str:
    """What a command prints on a host, reached over its first address."""
    words = ["ssh", "-F", str(desk.ssh_config(place.checkout)), host, command]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def established(place: Place, host: str) -> int:
    """How many BGP sessions of a host stand."""
    return at(place, host, "sudo birdc show protocols").count("Established")


@pytest.mark.proves(21, 96)
def test_a_cut_line_costs_less_than_a_second_and_coming_back_costs_nothing(
    place: Place, spec: LabSpec, fleet: Fleet, node: Host, session: Session, whole: None
) -> None:
    with Pinger(place.netns, inner(node)) as pinger:
        wait_until(lambda: pinger.answers > 20, "answers before")
        desk.cut(CHECKOUT, spec, node.name, "tslcd")
        begun = pinger.answers
        wait_until(lambda: pinger.answers > begun + 60, "answers over the backup")
        cut = pinger.stop()
    assert cut.lost > 0
    assert cut.outage < OUTAGE
    assert session.echo("over the backup")
    with Pinger(place.netns, inner(node)) as pinger:
        desk.restore(CHECKOUT, spec, node.name, "tslcd")
        tunnels = len(tunnel_devices(fleet, node))
        wait_until(lambda: established(place, f"{node.name}.tunnel") == tunnels, "all sessions back")
        begun = pinger.answers
        wait_until(lambda: pinger.answers > begun + 60, "answers over the line")
        back = pinger.stop()
    assert back.lost == 0
    assert session.echo("over the line")


@pytest.mark.proves(21, 96)
def test_a_killed_gateway_costs_less_than_a_second_and_coming_back_costs_nothing(
    place: Place, spec: LabSpec, fleet: Fleet, node: Host, session: Session, province: Command
) -> None:
    first = tunnel_devices(fleet, node)[0]["peers"][0]["name"]
    with Pinger(place.netns, inner(node)) as pinger:
        wait_until(lambda: pinger.answers > 20, "answers before")
        desk.power_off(CHECKOUT, spec, first)
        begun = pinger.answers
        wait_until(lambda: pinger.answers > begun + 60, "answers through the other gateway")
        killed = pinger.stop()
    assert killed.lost > 0
    assert killed.outage < OUTAGE
    assert session.echo("through the other gateway")
    with Pinger(place.netns, inner(node)) as pinger:
        assert province("lab", "up").returncode == 0
        wait_until(lambda: established(place, node.name) == len(tunnel_devices(fleet, node)), "all sessions back")
        begun = pinger.answers
        wait_until(lambda: pinger.answers > begun + 60, "answers through the first gateway")
        back = pinger.stop()
    assert back.lost == 0
    assert session.echo("through the first gateway")


def test_a_new_list_of_peers_interrupts_none_of_those_that_stay(place: Place, fleet: Fleet, node: Host) -> None:
    first = tunnel_devices(fleet, node)[0]
    gateway, device = first["peers"][0]["name"], first["peers"][0]["device"]
    with Pinger(place.netns, inner(node)) as pinger:
        wait_until(lambda: pinger.answers > 10, "answers before")
        at(place, gateway, f"sudo systemctl reload province-tunnel@{device}.service")
        begun = pinger.answers
        wait_until(lambda: pinger.answers > begun + 40, "answers after")
        outcome = pinger.stop()
    assert outcome.lost == 0


def test_all_keys_of_the_path_in_use_are_replaced_and_nothing_is_lost(
    place: Place, node: Host, session: Session, ansible: Command
) -> None:
    before = at(place, node.name, "sudo wg show all public-key")
    with Pinger(place.netns, inner(node)) as pinger:
        done = ansible("rotate_tunnel_keys", "-e", "path=tslcd")
        outcome = pinger.stop()
    assert done.returncode == 0, done.stdout
    kept = set(before.splitlines()) & set(at(place, node.name, "sudo wg show all public-key").splitlines())
    assert {line.split("-")[1].split()[0] for line in kept} == {"internet"}
    assert outcome.lost == 0
    assert session.echo("under new keys")


@pytest.mark.proves(10)
def test_no_packet_crosses_from_one_domain_into_the_other(place: Place, fleet: Fleet) -> None:
    """From a computer in every zone of a commune; that its own node answers shows that the computer works."""
    for domain in RoutingDomain:
        own = next(host for host in fleet.hosts.values() if host.routing_domain == domain)
        other = next(host for host in fleet.hosts.values() if host.routing_domain not in (None, domain))
        with ExitStack() as stack:
            zones = [one.zone for one in own.interfaces if one.zone]
            computers = {zone: stack.enter_context(computer_in(place, own, zone)) for zone in zones}
            near = [
                stack.enter_context(Pinger(computers[zone], own.interface(zone).address.plain[0])) for zone in zones
            ]
            far = [stack.enter_context(Pinger(computers[zone], inner(other))) for zone in zones]
            wait_until(lambda near=near, far=far: min(one.sent for one in (*near, *far)) >= 10, "ten packets each")  # type: ignore[misc]
            for one in (*near, *far):
                one.halt()
            outcomes = [one.stop() for one in far]
            assert [one.answers > 0 for one in near] == [True] * len(zones)
        assert [one.lost == len(one.sent) for one in outcomes] == [True] * len(zones), own.name


@pytest.mark.proves(10)
def test_a_gateway_knows_no_way_from_one_domain_into_the_other(place: Place, fleet: Fleet) -> None:
    """Asked of the kernel, so that it holds without any firewall."""
    bodies = fleet.province.addressing.bodies
    for gateway in (host.name for host in fleet.hosts.values() if host.host_class == "gateway"):
        for device in tunnel_devices(fleet, fleet.hosts[gateway]):
            other = next(pair for domain, pair in bodies.items() if domain != device["domain"])
            peer = device["peers"][0]
            for target, source in ((other.ipv4[4097], peer["ipv4"]), (other.ipv6[4097], peer["ipv6"])):
                asked = f"ip route get {target} from {source.split('/')[0]} iif {device['device']} 2>&1 || true"
                assert "unreachable" in at(place, gateway, asked), (gateway, device["device"])
