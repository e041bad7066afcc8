"""A fenced site over real routing daemons: a node with two gateways, all of them with their own files; users follow."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from province.fleet.fleet import Fleet
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.ops.actions.action import Scene
from province.ops.actions.fence_site import FenceSite, OfFence, UnfenceSite
from province.ops.actions.remote import ActionTrouble, Done

from .boxes import may_make_boxes
from .test_exports import program

pytestmark = pytest.mark.skipif(
    not may_make_boxes(), reason="a host needs a network of its own: run as root, as CI does"
)
BIRD, NFT = "/etc/bird/bird.conf", "/etc/nftables.conf"
NODE, GATEWAY, OTHER, PATH = "phu-quoc-party", "rach-gia-gateway-1", "long-xuyen-gateway-1", "tslcd"
PATIENCE_S = 20.0
TOLD = {"site": "rach-gia", "reason": "storage answers half"}


@dataclass
class Machine:
    """A network of its own with the daemon in it."""

    place: Path
    holder: subprocess.Popen[bytes]
    daemon: subprocess.Popen[bytes] | None = None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "--target", str(self.holder.pid), "--net", *words]
        return subprocess.run(inside, capture_output=True, text=True, check=False, timeout=30)

    def start(self) -> None:
        self.birds("-p")
        words = ["nsenter", "--target", str(self.holder.pid), "--net", *self._bird("-f")]
        self.daemon = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def birds(self, *more: str) -> None:
        done = self.run(*self._bird(*more))
        assert done.returncode == 0, done.stderr

    def birdc(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(program("birdc"), "-s", str(self.place / "ctl"), *words)

    def off(self) -> None:
        for one in (self.daemon, self.holder):
            if one is not None:
                one.terminate()
                one.wait()

    def _bird(self, *more: str) -> list[str]:
        return [program("bird"), "-c", str(self.place / "bird.conf"), "-s", str(self.place / "ctl"), *more]


@dataclass
class Country:
    """The node and its gateways; what is asked of their daemons goes to those, files are those that were written."""

    fleet: Fleet
    machines: dict[str, Machine]
    files: dict[tuple[str, str], str] = field(default_factory=dict)

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        assert seconds > 0
        match list(words):
            case ["cat", path]:
                return Done(0, self.files[host, path], "")
            case ["birdc", *rest]:
                done = self.machines[host].birdc(*rest)
                return Done(done.returncode, done.stdout, done.stderr)
            case ["nft", *_]:  # the kernel of the machine that runs the tests has no table of ours
                return Done(0, self.files[host, NFT].partition("set systems4")[2].partition("    set ")[0], "")
            case other:
                raise AssertionError(f"{other} is not here")

    def write(self, host: str, path: str, text: str) -> None:
        self.files[host, path] = text
        if path == BIRD:
            (self.machines[host].place / "bird.conf").write_text(text, encoding="utf-8")

    def heard_from(self, name: str) -> set[str]:
        """What the node was told over its tunnel to a gateway."""
        device = next(
            one.node_device for one in self.fleet.tunnels_of(NODE) if (one.gateway, one.path.id) == (name, PATH)
        )
        printed = self.machines[NODE].birdc("show", "route", "protocol", f"'{device}'").stdout
        return {line.split()[0] for line in printed.splitlines() if "via" not in line and "[" in line}


@dataclass
class Hand:
    """What the node's own code does with a manifest, as far as routing goes."""

    country: Country
    host: str

    def send(self, request: bytes) -> str:
        asked = json.loads(request.splitlines()[1])
        if "packed" not in asked:
            return json.dumps({"need": ["manifest"]})
        for part in json.loads(zlib.decompress(base64.b64decode(asked["packed"])))["manifest"]["parts"]:
            for path, file in part["files"].items():
                self.country.write(self.host, path, file["content"])
        done = self.country.machines[self.host].birdc("configure")
        assert "Reconfigur" in done.stdout, done.stdout + done.stderr
        return json.dumps({"changes": ["reload bird.service"]})

    def renew(self) -> None: ...


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    fleet = load_fleet("lab")
    place = tmp_path_factory.mktemp("fence")
    with ExitStack() as stack:
        machines: dict[str, Machine] = {}
        for name in (NODE, GATEWAY, OTHER):
            (place / name).mkdir()
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            machines[name] = Machine(place / name, holder)
            stack.callback(machines[name].off)
        made = Country(fleet, machines)
        for gateway in (GATEWAY, OTHER):
            tunnel = next(one for one in fleet.tunnels_of(NODE) if (one.gateway, one.path.id) == (gateway, PATH))
            peer = str(machines[gateway].holder.pid)
            link = ("ip", "link", "add", tunnel.node_device, "type", "veth", "peer", "name", tunnel.gateway_device)
            until(lambda link=link, peer=peer: machines[NODE].run(*link, "netns", peer).returncode == 0)
            for name, device, address in (
                (NODE, tunnel.node_device, tunnel.node_address),
                (gateway, tunnel.gateway_device, tunnel.gateway_address),
            ):
                for text in address.texts:
                    machines[name].run("ip", "address", "add", text, "dev", device, *(["nodad"] if ":" in text else []))
                machines[name].run("ip", "link", "set", "lo", "up")
                machines[name].run("ip", "link", "set", device, "up")
        builder = Builder(fleet, stand_in(fleet))
        for name, machine in machines.items():
            for path, file in builder.build(fleet.hosts[name]).files.items():
                made.write(name, path, file.content)
            machine.start()
        yield made


def until(so: object) -> None:
    assert callable(so)
    end = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)


def done(country: Country, action: OfFence, folder: Path) -> float:
    """Have the gateways follow; the seconds until no daemon does otherwise."""
    scene = Scene(country.fleet, country, folder, lambda _, host: Hand(country, host))
    began = time.monotonic()
    for name in (GATEWAY, OTHER):
        host = country.fleet.hosts[name]
        assert action.pre(scene, host)
        action.act(scene, host)
        until(lambda host=host: not action.unhealthy(scene, host))
        assert action.pre(scene, host) == ""
    return time.monotonic() - began


def test_users_are_led_to_the_other_site_and_back_and_no_session_ends(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.ops.actions.fence_site.load_trust", stand_in)
    until(lambda: all(families(country.heard_from(name)) == {4, 6} for name in (GATEWAY, OTHER)))
    before = country.heard_from(GATEWAY)
    stood = since(country)
    took = done(country, FenceSite(TOLD), tmp_path)
    until(lambda: not country.heard_from(GATEWAY))
    assert country.heard_from(OTHER)
    assert since(country) == stood, "a session that ends would have to be built up again on the way back"
    done(country, UnfenceSite(TOLD), tmp_path)
    until(lambda: country.heard_from(GATEWAY) == before)
    assert since(country) == stood
    assert took < PATIENCE_S


def test_it_is_refused_while_the_other_gateway_carries_nobody(
    country: Country, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.ops.actions.fence_site.load_trust", stand_in)
    scene = Scene(country.fleet, country, tmp_path)
    country.machines[OTHER].birdc("disable", "all")
    try:
        with pytest.raises(ActionTrouble, match="nobody would be served"):
            FenceSite(TOLD).pre(scene, country.fleet.hosts[GATEWAY])
    finally:
        country.machines[OTHER].birdc("enable", "all")


def families(prefixes: set[str]) -> set[int]:
    """Of IP: each comes in an update of its own, so one may be heard before the other."""
    return {ip_network(one).version for one in prefixes}


def since(country: Country) -> dict[str, str]:
    """The sessions of the node that stand, each with the moment at which it began."""
    printed = country.machines[NODE].birdc("show", "protocols").stdout
    return {line.split()[0]: line.split()[4] for line in printed.splitlines() if "Established" in line}
