"""Paths end and come back under real traffic of both protocols: what is lost, and what goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address

import pytest

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.lab import desk, provision
from province.lab.probe import HERTZ, Outcome, Pinger
from province.lab.spec import LabSpec
from province.lab.state import Place
from province.manifest.tunnels import tunnel_devices, tunnel_view

from .conftest import CHECKOUT, Command, wait_until

pytestmark = pytest.mark.lab

OUTAGE = 1.2
"""Seconds that a change of path may take at most; three echoes of 300 ms and the work of two busy cores."""

NOTHING = {4: 0, 6: 0}
"""Echoes lost, by version of IP."""


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
def powered(province: Command) -> Iterator[None]:
    """Turn on again what a test turned off, whatever became of it: later tests need every host."""
    yield
    assert province("lab", "up").returncode == 0


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


def inner(node: Host) -> tuple[IPv4Address, IPv6Address]:
    """The node's addresses in its own management zone, reached through the tunnels alone."""
    return node.interface("management").address.plain


@contextmanager
def echoes(place: Place, node: Host, afterwards: str) -> Iterator[dict[int, Outcome]]:
    """Something happens to a path while the node is asked for echoes over both protocols.

    Answers come before; the block ends when they have come for three seconds since. Then it is known, by version of
    IP, what became of all of them.
    """
    outcomes: dict[int, Outcome] = {}
    with ExitStack() as stack:
        pingers = [stack.enter_context(Pinger(place.netns, address)) for address in inner(node)]
        wait_until(lambda: min(one.answers for one in pingers) > HERTZ, "answers before")
        yield outcomes
        begun = [one.answers for one in pingers]
        enough = 3 * HERTZ
        wait_until(
            lambda: min(one.answers - before for one, before in zip(pingers, begun, strict=True)) > enough,
            f"answers {afterwards}",
        )
        for one in pingers:
            one.halt()
        outcomes |= {version: one.stop() for version, one in zip((4, 6), pingers, strict=True)}


def lost(outcomes: dict[int, Outcome]) -> dict[int, int]:
    """How many echoes never came back, by version of IP."""
    return {version: one.lost for version, one in outcomes.items()}


def outages(outcomes: dict[int, Outcome]) -> dict[int, float]:
    """For how many seconds none came back, by version of IP."""
    return {version: one.outage for version, one in outcomes.items()}


def at(place: Place, host: str, command: str) -> str:
    """What a command prints on a host, reached over its first address."""
    words = ["ssh", "-F", str(desk.ssh_config(place.checkout)), host, command]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def answers_leave_by(place: Place, node: Host) -> set[str]:
    """The devices by which a node's answers to the operator's desk leave, over both versions of IP."""
    ways = [f"ip -json route get {source_towards(address)} from {address}" for address in inner(node)]
    return {str(json.loads(at(place, node.name, way))[0]["dev"]) for way in ways}


def established(place: Place, host: str) -> int:
    """How many BGP sessions of a host stand."""
    return at(place, host, "sudo birdc show protocols").count("Established")


@pytest.mark.proves(21, 96)
def test_a_cut_line_costs_less_than_a_second_and_coming_back_costs_nothing(
    place: Place, spec: LabSpec, fleet: Fleet, node: Host, session: Session, whole: None
) -> None:
    with echoes(place, node, "over the backup") as cut:
        desk.cut(CHECKOUT, spec, node.name, "tslcd")
    assert min(lost(cut).values()) > 0
    assert max(outages(cut).values()) < OUTAGE
    assert session.echo("over the backup")
    with echoes(place, node, "over the line") as back:
        desk.restore(CHECKOUT, spec, node.name, "tslcd")
        tunnels = len(tunnel_devices(fleet, node))
        wait_until(lambda: established(place, f"{node.name}.tunnel") == tunnels, "all sessions back")
    assert lost(back) == NOTHING
    assert session.echo("over the line")


@pytest.mark.proves(21, 96)
def test_a_killed_gateway_costs_less_than_a_second_and_coming_back_costs_nothing(
    place: Place, spec: LabSpec, fleet: Fleet, node: Host, session: Session, province: Command, powered: None
) -> None:
    first = tunnel_devices(fleet, node)[0]
    # Traffic comes back to a path some seconds after its sessions do: a gateway that carries none costs none.
    wait_until(lambda: answers_leave_by(place, node) == {first["device"]}, "answers over the first tunnel")
    with echoes(place, node, "through the other gateway") as killed:
        desk.power_off(CHECKOUT, spec, first["peers"][0]["name"])
    assert min(lost(killed).values()) > 0
    assert max(outages(killed).values()) < OUTAGE
    assert session.echo("through the other gateway")
    with echoes(place, node, "through the first gateway") as back:
        assert province("lab", "up").returncode == 0
        wait_until(lambda: established(place, node.name) == len(tunnel_devices(fleet, node)), "all sessions back")
    assert lost(back) == NOTHING
    assert session.echo("through the first gateway")


@contextmanager
def answering_over(place: Place, fleet: Fleet, node: Host, device: str) -> Iterator[None]:
    """A node whose answers to the operator's desk leave by a tunnel of our choice."""
    table = tunnel_view(fleet, node)["routing_domains"][0]["table"]
    desks = [f"-{address.version} route {{}} {source_towards(address)} dev {device}" for address in inner(node)]
    try:
        at(place, node.name, "; ".join(f"sudo ip {one.format('replace')} table {table}" for one in desks))
        yield
    finally:
        at(place, node.name, "; ".join(f"sudo ip {one.format('del')} table {table}" for one in desks))


def source_towards(address: IPv4Address | IPv6Address) -> str:
    """The operator's own address on the way to another one."""
    words = ["ip", "-json", "route", "get", str(address)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return str(json.loads(said)[0]["prefsrc"])


def test_an_answer_may_leave_by_a_gateway_that_never_saw_its_question(place: Place, fleet: Fleet, node: Host) -> None:
    """The two directions of a path change over one after the other."""
    first, *others = tunnel_devices(fleet, node)
    other = next(one for one in others if one["peers"][0]["name"] != first["peers"][0]["name"])
    with answering_over(place, fleet, node, other["device"]), echoes(place, node, "by the other gateway") as outcome:
        pass
    assert lost(outcome) == NOTHING


def test_a_new_list_of_peers_interrupts_none_of_those_that_stay(place: Place, fleet: Fleet, node: Host) -> None:
    first = tunnel_devices(fleet, node)[0]
    gateway, device = first["peers"][0]["name"], first["peers"][0]["device"]
    with echoes(place, node, "after") as outcome:
        at(place, gateway, f"sudo systemctl reload province-tunnel@{device}.service")
    assert lost(outcome) == NOTHING


def test_all_keys_of_the_path_in_use_are_replaced_and_nothing_is_lost(
    place: Place, node: Host, session: Session, ansible: Command
) -> None:
    before = at(place, node.name, "sudo wg show all public-key")
    with echoes(place, node, "under new keys") as outcome:
        done = ansible("rotate_tunnel_keys", "-e", "path=tslcd")
    assert done.returncode == 0, done.stdout
    kept = set(before.splitlines()) & set(at(place, node.name, "sudo wg show all public-key").splitlines())
    assert {line.split("-")[1].split()[0] for line in kept} == {"internet"}
    assert lost(outcome) == NOTHING
    assert session.echo("under new keys")


@pytest.mark.soak
def test_a_rotation_that_is_killed_leaves_no_node_on_its_second_choice(place: Place, node: Host) -> None:
    """The node goes back to its own file by itself; the next rotation opens what may have been closed by then."""
    words = ["-i", "inventories/lab", "ansible/playbooks/rotate_tunnel_keys.yml", "-e", "path=tslcd"]
    with subprocess.Popen(
        ["ansible-playbook", *words, "-e", "rotate_patience_s=20"], cwd=CHECKOUT, start_new_session=True
    ) as rotation:
        wait_until(lambda: drained(place, node), "the node was drained")
        os.killpg(rotation.pid, signal.SIGKILL)
    wait_until(lambda: not drained(place, node), "the node went back to its own file")
    done = subprocess.run(["ansible-playbook", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def drained(place: Place, node: Host) -> bool:
    """Whether the node runs a configuration that ends by itself."""
    return "unconfirmed" in at(place, node.name, "sudo birdc configure status")
