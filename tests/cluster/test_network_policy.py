"""Network policies are packets: what a real pod reaches, and what it does not, whatever the objects say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from infra.components.system_namespace import DNS_PORT, NAMESPACE_OF_A_NAME
from province.fleet.hosts import Host
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.rooms import NETWORK_POLICY

from . import on_node, packets
from .conftest import ENVIRONMENT, LiveStack, live_stack
from .sample_pods import MARK, OURS, PORT, pod

pytestmark = pytest.mark.lab

SILENT = 8081
"""Where nobody listens."""
API_SERVER = 6443
IN_FORCE_S = 20.0
"""A policy that kubectl has stored is in force within a second on a calm machine; CI's is not."""

Body = dict[str, Any]
Matrix = Mapping[tuple[str, str, int], str]


def policy(name: str, app: str, **directions: list[Body]) -> Body:
    """A policy about the pods of one app; `ingress` and `egress` are the rules."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"proof-{name}", "labels": MARK},
        "spec": {
            "podSelector": {"matchLabels": {"app": app}},
            "policyTypes": [direction.capitalize() for direction in directions],
            **directions,
        },
    }


def app(name: str, room: str = "") -> Body:
    """The pods of an app as a peer, in the same room or in another one."""
    found: Body = {"podSelector": {"matchLabels": {"app": name}}}
    return {**found, "namespaceSelector": {"matchLabels": {NAMESPACE_OF_A_NAME: room}}} if room else found


def block(address: str) -> Body:
    """One address as a peer."""
    return {"ipBlock": {"cidr": f"{address}/32"}}


EVERY_POD: Body = {"namespaceSelector": {}}
BOTH_WAYS: dict[str, list[Body]] = {"ingress": [{"from": [EVERY_POD]}], "egress": [{"to": [EVERY_POD]}]}


@dataclass(frozen=True)
class Scene:
    """Two rooms of real systems with pods of ours in them, and the node on which all of them run."""

    stack: LiveStack
    node: Host
    here: str
    there: str
    folder: Path

    def apply(self, room: str, *objects: Body) -> None:
        file = self.folder / "objects.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
        self.stack.kubectl("--namespace", room, "apply", "--filename", str(file))

    def delete(self, room: str, kinds: str, *more: str) -> None:
        words = ("--selector", OURS, "--ignore-not-found", "--wait", *more)
        self.stack.kubectl("--namespace", room, "delete", kinds, *words)

    def address(self, name: str) -> str:
        """The address behind a short name: a pod of ours, a part of the cluster, a host."""
        if name in {"node", "api"}:
            return str(self.node.interface("servers").address.ipv4.ip)
        if name == "dns":
            found = self.stack.kubectl("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns", "-o", "json")
            return str(json.loads(found)["items"][0]["status"]["podIP"])
        room, _, pod_name = name.partition("/")
        found = self.stack.kubectl(
            "--namespace", {"here": self.here, "there": self.there}[room], "get", "pod", pod_name, "-o", "json"
        )
        return str(json.loads(found)["status"]["podIP"])

    def seen(self, wanted: Matrix, first: Sequence[str] = ()) -> dict[tuple[str, str, int], str]:
        """What comes of each connection today, just after a command on the node."""
        addresses = {name: self.address(name) for one in wanted for name in one[:2]}
        questions = [
            {
                "from": "" if origin == "node" else addresses[origin],
                "to": addresses[to],
                "port": port,
                "protocol": "udp" if port == DNS_PORT else "tcp",
            }
            for origin, to, port in wanted
        ]
        return dict(zip(wanted, on_node.answers(self.node.name, questions, first), strict=True))

    def becomes(self, wanted: Matrix) -> None:
        """What comes of each connection is what is wanted, soon."""
        end = monotonic() + IN_FORCE_S
        while (found := self.seen(wanted)) != wanted and monotonic() < end:
            continue
        assert found == wanted


@pytest.fixture(scope="module")
def scene(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Pods in the rooms of two systems that Project 06 does not freeze."""
    fleet = load_fleet(ENVIRONMENT)
    site = fleet.primary_site
    stack = live_stack((site.id, PLATFORM), settings)
    here, there = [system.id for system in fleet.systems_at(site) if not system.project06][:2]
    node = next(host for host in fleet.hosts_of(site.id) if host.host_class == "control-plane")
    scene = Scene(stack, node, here, there, tmp_path_factory.mktemp("scene"))
    try:
        scene.apply(here, pod("web"), pod("db"))
        scene.apply(there, pod("api"), pod("other"))
        for room in (here, there):
            stack.kubectl("-n", room, "wait", "--for=condition=Ready", "pod", "-l", OURS, "--timeout=120s")
        yield scene
    finally:
        for room in (here, there):
            scene.delete(room, "networkpolicies,pods")


@pytest.fixture(autouse=True)
def _no_policies_left(scene: Scene) -> Iterator[None]:
    yield
    for room in (scene.here, scene.there):
        scene.delete(room, "networkpolicies")


CLOSED: Matrix = {
    ("here/web", "here/db", PORT): "closed",
    ("here/web", "there/api", PORT): "closed",
    ("there/api", "here/web", PORT): "closed",
    ("here/web", "api", API_SERVER): "closed",
    ("here/web", "dns", 9153): "closed",
    ("here/web", "dns", DNS_PORT): "open",
    ("node", "here/web", PORT): "open",
}
"""What the rooms of systems allow by themselves: names, and probes from the own node."""


@pytest.mark.proves("platform/network-policy")
def test_what_no_flow_allows_does_not_get_through(scene: Scene) -> None:
    scene.becomes(CLOSED)


def test_a_policy_opens_what_it_names_and_nothing_else(scene: Scene) -> None:
    """Labels of pods and namespaces, numbers, names and ranges of ports, blocks of addresses, both directions."""
    node = block(scene.address("api"))
    named = {"protocol": "TCP", "port": "http"}
    pods = str(scene.stack.site.cluster.pods) if scene.stack.site.cluster else ""
    all_but_web = {"ipBlock": {"cidr": pods, "except": [f"{scene.address('here/web')}/32"]}}
    scene.apply(
        scene.here,
        policy("db", "db", ingress=[{"from": [app("web"), app("api", scene.there)], "ports": [named]}]),
        policy(
            "web",
            "web",
            ingress=[{"from": [app("api", scene.there)]}],
            egress=[
                {"to": [app("db")], "ports": [{"port": PORT}, {"port": SILENT}]},
                {"to": [node], "ports": [{"port": 6000, "endPort": 7000}]},
            ],
        ),
    )
    scene.apply(
        scene.there,
        policy("api", "api", egress=[{"to": [all_but_web]}]),
        policy("other", "other", egress=[{"to": [app("db", scene.here), node]}]),
    )
    scene.becomes(
        {
            ("here/web", "here/db", PORT): "open",
            ("here/web", "here/db", SILENT): "closed",  # may leave, may not come in
            ("there/api", "here/db", PORT): "open",
            ("there/other", "here/db", PORT): "closed",  # is not the peer that the policy names
            ("there/api", "here/web", PORT): "closed",  # the exception of the block
            ("here/db", "here/web", PORT): "closed",  # nobody opened this way
            ("here/web", "api", API_SERVER): "open",
            ("here/web", "api", 8443): "closed",  # outside the range of ports
            ("there/api", "api", API_SERVER): "closed",  # outside the block
            ("there/other", "api", API_SERVER): "open",
        }
    )


def test_what_is_relabelled_or_taken_back_is_closed_again(scene: Scene) -> None:
    way = {("here/web", "here/db", PORT): "open"}
    shut = dict.fromkeys(way, "closed")
    scene.apply(
        scene.here,
        policy("db", "db", ingress=[{"from": [app("web")]}]),
        policy("web", "web", egress=[{"to": [app("db")]}]),
    )
    scene.becomes(way)
    scene.stack.kubectl("-n", scene.here, "label", "pod", "db", "app=else", "--overwrite")
    scene.becomes(shut)
    scene.stack.kubectl("-n", scene.here, "label", "pod", "db", "app=db", "--overwrite")
    scene.becomes(way)
    scene.delete(scene.here, "networkpolicies")
    scene.becomes(shut)


def test_a_new_pod_is_never_open(scene: Scene) -> None:
    """Neither way, not even between its first moment and the one at which the engine hears of it."""
    scene.apply(scene.there, policy("api", "api", **BOTH_WAYS))
    scene.apply(scene.here, policy("free", "free", **BOTH_WAYS))
    scene.becomes({("there/api", "there/api", PORT): "open"})
    target = scene.address("there/api")
    shut, free = [f"born-{n}" for n in range(6)], [f"free-{n}" for n in range(2)]
    born = [f"pod/{name}" for name in (*shut, *free)]
    watch = on_node.start(scene.node.name, {"target": target, "port": PORT, "caller": target})
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "watching\n"
        scene.apply(scene.here, *map(pod, shut), *(pod(name, {"app": "free"}) for name in free))
        scene.stack.kubectl("-n", scene.here, "wait", "--for=condition=Ready", "--timeout=120s", *born)
        addresses = {name: scene.address(f"here/{name}") for name in (*shut, *free)}
        awaited = {"all": list(addresses.values()), "free": [addresses[name] for name in free]}
        out, errors = watch.communicate(json.dumps(awaited), timeout=packets.LONGEST_S + 30)
        assert watch.returncode == 0, errors
        assert "Traceback" not in errors, errors
        seen: dict[str, dict[str, list[str]]] = json.loads(out)
        for name, address in addresses.items():
            wanted = {"closed"} if name in shut else {"closed", "open"}
            assert seen.get(address, {}).keys() == {"out", "in"}, (name, address, seen.keys())
            for way, results in seen[address].items():
                assert len(results) >= packets.ENOUGH, (name, way)
                assert set(results) - {"reached"} == wanted, (name, way, results[:50])
                assert "reached" not in results or "open" in wanted, (name, way)
    finally:
        watch.kill()
        scene.stack.kubectl("-n", scene.here, "delete", "--ignore-not-found", "--wait=false", *born)


def engine(scene: Scene) -> tuple[str, bool]:
    """Which pod enforces policies on the node, and whether it says that it is ready."""
    found = scene.stack.kubectl("-n", NETWORK_POLICY, "get", "pods", "-o", "json")
    items: Sequence[Body] = json.loads(found)["items"]
    one = next(item for item in items if item["spec"]["nodeName"] == scene.node.name)
    conditions = one["status"].get("conditions", ())
    return one["metadata"]["uid"], any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_policies_hold_while_the_engine_starts_anew(scene: Scene) -> None:
    way = {**CLOSED, ("there/other", "api", API_SERVER): "open"}
    scene.apply(scene.there, policy("other", "other", egress=[{"to": [block(scene.address("api"))]}]))
    scene.becomes(way)
    before = engine(scene)
    scene.stack.kubectl("-n", NETWORK_POLICY, "delete", "pods", "--all", "--wait=false")
    end = monotonic() + 60
    while (now := engine(scene)) == before or not now[1]:
        assert scene.seen(way) == way
        assert monotonic() < end, now


def test_without_the_engines_table_the_node_passes_nothing_until_it_is_back(scene: Scene) -> None:
    way = {("there/other", "here/db", PORT): "open"}
    scene.apply(scene.there, policy("other", "other", **BOTH_WAYS))
    scene.apply(scene.here, policy("db", "db", **BOTH_WAYS))
    scene.becomes(way)
    removed = ("nft", "delete", "table", "inet", "network_policy")
    assert scene.seen(way, first=removed) == dict.fromkeys(way, "closed")
    scene.becomes(way)
