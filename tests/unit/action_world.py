"""Hosts for tests of operators' actions: services that restart, a cluster that drains, and hosts that do not answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from province.ops.actions.remote import Done


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
            case ["kubectl", _, _, *rest]:
                return self._kubectl(rest)
            case other:
                raise AssertionError(f"{other} is not made up")

    def node(self, name: str, *pods: str, ready: bool = True, taint: str = "") -> None:
        """A node of the cluster with these pods (namespace/name) and one that a DaemonSet owns."""
        self.nodes[name] = {
            "metadata": {"name": name},
            "spec": {"taints": [{"key": "a", "effect": taint}]} if taint else {},
            "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
        }
        self.pods[name] = [_pod(one) for one in pods] + [_pod(f"kube-system/proxy-{name}", "DaemonSet")]

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


def _pod(name: str, owner: str = "") -> dict[str, Any]:
    namespace, _, short = name.partition("/")
    owners = {"ownerReferences": [{"kind": owner}]} if owner else {}
    return {"metadata": {"namespace": namespace, "name": short, **owners}, "status": {"phase": "Running"}}


def _items(items: list[dict[str, Any]]) -> Done:
    return Done(0, json.dumps({"items": items}), "")
