"""Hosts for tests of operators' actions: services that restart, a cluster that drains, and hosts that do not answer."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from province.cli import app, operation
from province.cli import op as verbs
from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.fleet.load import _load, load_fleet
from province.ops.actions.catalogue import ACTIONS
from province.ops.actions.hands import ActionHands
from province.ops.actions.remote import Done, Remote
from province.ops.workplace import Workplace
from province.rollout.controller import Controller
from province.rollout.entries import Begun


@dataclass
class Hosts:
    """A way to hosts that are made up: what runs there, what is broken, and everything that was asked."""

    away: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)
    """Hosts that have no such service."""
    dies: set[str] = field(default_factory=set)
    """Hosts on which the service does not come up."""
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    stuck: bool = False
    """A disruption budget lets nobody go."""
    peers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Keys that a device of a gateway lets in."""
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    refuses: bool = False
    """No gateway takes a new state."""
    journal: dict[str, str] = field(default_factory=dict)
    """What a host's daemon of SSH wrote down of who came in."""
    restarts: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        self.asked.append((host, tuple(words)))
        assert seconds > 0
        if host in self.away:
            raise ConnectionError("No route to host")
        match list(words):
            case ["systemctl", "show", *_]:
                return Done(0, self._state(host), "")
            case ["systemctl", "restart", _]:
                self.restarts[host] += 1
                return Done(0, "", "")
            case ["wg", "show", device, "peers"]:
                return Done(0, "\n".join(sorted(self.peers[host, device])), "")
            case ["wg", "set", device, "peer", key, "remove"]:
                self.peers[host, device].remove(key)
                return Done(0, "", "")
            case ["cat", path]:
                return Done(0, self.files[host, path], "")
            case ["kubectl", _, _, *rest]:
                return self._kubectl(rest)
            case other:
                return self._of_rotations(host, other)

    def node(self, name: str, *pods: str, ready: bool = True, taint: str = "") -> None:
        """A node of the cluster with these pods (namespace/name) and one that a DaemonSet owns."""
        self.nodes[name] = {
            "metadata": {"name": name},
            "spec": {"taints": [{"key": "a", "effect": taint}]} if taint else {},
            "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
        }
        self.pods[name] = [_pod(one) for one in pods] + [_pod(f"kube-system/proxy-{name}", "DaemonSet")]

    def _of_rotations(self, host: str, words: list[str]) -> Done:
        match words:
            case ["stat", "--format=%Y", path]:
                made = self.files.get((host, path))
                return Done(0, made, "") if made else Done(1, "", "No such file or directory")
            case ["wg", "show", device, "latest-handshakes"]:
                return Done(0, f"key\t{self.files.get((host, device), '0')}\n", "")
            case ["journalctl", "--unit", "ssh.service", *_]:
                return Done(0 if self.journal.get(host) else 1, self.journal.get(host, ""), "")
            case other:
                raise AssertionError(f"{other} is not made up")

    def _state(self, host: str) -> str:
        if host in self.without:
            return "LoadState=not-found\nActiveState=inactive\nResult=success\nInvocationID=\nType=\n"
        dead = host in self.dies and self.restarts[host]
        state, result = ("failed", "exit-code") if dead else ("active", "success")
        number = self.restarts[host]
        return f"LoadState=loaded\nActiveState={state}\nResult={result}\nInvocationID={number}\nType=simple\n"

    def _kubectl(self, words: list[str]) -> Done:
        match words:
            case ["get", "nodes", *_]:
                return _items(list(self.nodes.values()))
            case ["get", "pods", "-A", chosen, *_]:
                name = chosen.rpartition("=")[2]
                return _items(self.pods.get(name, []))
            case ["drain", name, *_]:
                self.nodes[name]["spec"]["unschedulable"] = True
                if self.stuck:
                    return Done(1, "", "error: timed out: cannot evict pod as it would violate the pod's budget")
                self.pods[name] = [one for one in self.pods[name] if one["metadata"].get("ownerReferences")]
                return Done(0, "drained", "")
            case [("uncordon" | "cordon") as verb, name]:
                self.nodes[name]["spec"]["unschedulable"] = verb == "cordon"
                return Done(0, verb, "")
            case other:
                raise AssertionError(f"{other} is not made up")


@dataclass
class Gateway:
    """A gateway that takes the files of a manifest, as the node's own code would be told them."""

    hosts: Hosts
    host: str

    def send(self, request: bytes) -> str:
        asked = json.loads(request.splitlines()[1])
        if self.hosts.refuses:
            return json.dumps({"trouble": "wg-quick refuses it"})
        if "packed" not in asked:
            return json.dumps({"need": ["manifest"]})
        told = json.loads(zlib.decompress(base64.b64decode(asked["packed"])))["manifest"]
        for part in told["parts"]:
            for path, file in part["files"].items():
                self.hosts.files[self.host, path] = file["content"]
        return json.dumps({"changes": ["change files"]})

    def renew(self) -> None: ...


@dataclass
class Desk:
    """An operator's desk: hosts, and where the runs lie."""

    runs: Path
    remote: Remote = field(default_factory=Hosts)

    @property
    def hosts(self) -> Hosts:
        assert isinstance(self.remote, Hosts)
        return self.remote

    def __call__(self, *words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words))
        if isinstance(done.exception, ProvinceError):
            return int(done.exception.exit_code), str(done.exception)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output


def read_anew(environment: str) -> Fleet:
    """The fleet as a command reads it that was typed just now."""
    _load.cache_clear()
    return load_fleet(environment)


def desk_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose runs lie below a folder, and whose hosts are made up."""
    made = Desk(tmp_path / ".province" / "lab" / "runs")
    monkeypatch.setattr(Workplace, "of", lambda *_: Workplace(tmp_path, "lab"))
    for module in (verbs, operation):
        monkeypatch.setattr(module, "SshRemote", lambda _: made.remote)
    monkeypatch.setattr(ACTIONS["restart-service"], "healthy_seconds", 0.05)

    def hands(work: Workplace, fleet: Fleet, begun: Begun, folder: Path, lock: int) -> ActionHands:
        return ActionHands(
            work,
            fleet,
            begun,
            folder,
            lock,
            look_every=0.01,
            remote=lambda _: made.remote,
            contact=lambda _, host: Gateway(made.hosts, host),
        )

    monkeypatch.setattr(operation, "Controller", partial(Controller, hands=hands))
    return made


def _pod(name: str, owner: str = "") -> dict[str, Any]:
    namespace, _, short = name.partition("/")
    owners = {"ownerReferences": [{"kind": owner}]} if owner else {}
    return {"metadata": {"namespace": namespace, "name": short, **owners}, "status": {"phase": "Running"}}


def _items(items: list[dict[str, Any]]) -> Done:
    return Done(0, json.dumps({"items": items}), "")
