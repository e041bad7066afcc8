"""Empty a node of a cluster before somebody works on it, and take it in again."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from province.fleet.hosts import Host
from province.manifest.peers import NODE_CLASSES
from province.ops.actions.action import Action, Scene
from province.ops.actions.remote import ActionTrouble, must

KUBECTL = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")
DRAIN_SECONDS = 600
"""As long as the playbooks give a node that leaves: longer than the longest grace of a database."""
STAYS = ("DaemonSet", "Node")
"""Owners of pods that belong to their node: the drain leaves them there."""


class OfCluster(Action):
    """What both verbs ask of a cluster; any control plane of the site that answers is asked."""

    def _kubectl(self, scene: Scene, host: Host, *words: str, seconds: float = 60.0) -> str:
        """What kubectl printed at the first control plane that can be reached, the host itself last."""
        planes = [one for one in scene.fleet.hosts_of(host.site or "") if one.host_class == "control-plane"]
        lost = ""
        for plane in sorted(planes, key=lambda one: one.name == host.name):
            try:
                return must(scene.remote, plane.name, [*KUBECTL, *words], seconds)
            except ConnectionError as error:
                lost = f"{plane.name}: {error}"
        raise ConnectionError(lost or f"{host.site} has no control plane")

    def _nodes(self, scene: Scene, host: Host) -> dict[str, Any]:
        """The nodes of the host's cluster by name; the host must be one of them."""
        if host.host_class not in NODE_CLASSES:
            raise ActionTrouble(f"is a {host.host_class} and no node of a cluster: there is nothing to drain")
        items = json.loads(self._kubectl(scene, host, "get", "nodes", "-o", "json"))["items"]
        nodes = {one["metadata"]["name"]: one for one in items}
        if host.name not in nodes:
            raise ActionTrouble("the cluster does not know it; `province dc up` makes it join")
        return nodes

    def _pods(self, scene: Scene, host: Host) -> list[str]:
        """The pods on a node that a drain would move, as namespace/name."""
        chosen = f"--field-selector=spec.nodeName={host.name}"
        items = json.loads(self._kubectl(scene, host, "get", "pods", "-A", chosen, "-o", "json"))["items"]
        return [
            f"{one['metadata']['namespace']}/{one['metadata']['name']}"
            for one in items
            if one["status"].get("phase") not in ("Succeeded", "Failed")
            and not any(owner["kind"] in STAYS for owner in one["metadata"].get("ownerReferences", []))
        ]


class DrainNode(OfCluster):
    """Move every pod off a node of a cluster and let no new one come, so that the machine can be worked on.

    When: a machine of a cluster has to be switched off, repaired or looked into. The upgrade playbook drains by itself.

    Blast radius: pods of this node start anew elsewhere, one node at a time; databases fail over. Refused when no other
    node of the cluster is ready to take them, or another one of it is drained already. A pod that may not be disturbed
    (its disruption budget) makes the drain wait 10 minutes and then fail; the node then takes pods again.

    Way back: `province op undrain-node`; a drain that fails undoes itself.
    """

    verb: ClassVar[str] = "drain-node"
    commands: ClassVar[tuple[str, ...]] = (
        "province op drain-node HOST -e production",
        'province op drain-node HOST -e production --reason "new disk" --ticket OPS-114 --go',
    )
    at_most: ClassVar[int | None] = 1
    healthy_seconds: ClassVar[float] = 300.0

    def pre(self, scene: Scene, host: Host) -> str:
        """Somebody else must be there to take the pods."""
        nodes = self._nodes(scene, host)
        pods = self._pods(scene, host)
        if closed(nodes[host.name]) and not pods:
            return ""
        others = [one for name, one in nodes.items() if name != host.name]
        if drained := [one["metadata"]["name"] for one in others if closed(one)]:
            raise ActionTrouble(f"{' '.join(drained)} is drained already; take it in again first")
        if not any(_takes_pods(one) for one in others):
            raise ActionTrouble("no other node of its cluster is ready to take its pods")
        return f"move {len(pods)} pods off, and let no new one come"

    def act(self, scene: Scene, host: Host) -> str:
        """Close it and empty it."""
        pods = self._pods(scene, host)
        words = ("drain", host.name, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={DRAIN_SECONDS}s")
        try:
            self._kubectl(scene, host, *words, seconds=DRAIN_SECONDS + 60)
        except ActionTrouble as trouble:
            self._kubectl(scene, host, "uncordon", host.name)
            raise ActionTrouble(f"{trouble}; it takes pods again") from None
        return f"closed, {len(pods)} pods moved off"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """It is empty and closed, and no pod of the cluster waits for a place."""
        if not closed(self._nodes(scene, host)[host.name]):
            return "it takes pods again; somebody opened it"
        if pods := self._pods(scene, host):
            return f"{len(pods)} pods are still there: {' '.join(pods[:3])}"
        pending = "--field-selector=status.phase=Pending"
        waiting = json.loads(self._kubectl(scene, host, "get", "pods", "-A", pending, "-o", "json"))["items"]
        names = [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in waiting]
        return f"{len(names)} pods found no place: {' '.join(names[:3])}" if names else ""

    def back(self, scene: Scene, host: Host) -> str | None:
        """Open it again."""
        self._kubectl(scene, host, "uncordon", host.name)
        return "it takes pods again"


class UndrainNode(OfCluster):
    """Let a drained node of a cluster take pods again.

    When: the work for which it was drained is done and `province verify` finds the host as declared.

    Blast radius: none at once; pods come when something starts anew. Nothing is moved back.

    Way back: `province op drain-node`.
    """

    verb: ClassVar[str] = "undrain-node"
    commands: ClassVar[tuple[str, ...]] = (
        "province op undrain-node HOST -e production",
        'province op undrain-node HOST -e production --reason "disk is in" --ticket OPS-114 --go',
    )

    def pre(self, scene: Scene, host: Host) -> str:
        """It must be ready: pods on a node that is not would hang."""
        node = self._nodes(scene, host)[host.name]
        if not closed(node):
            return ""
        if not _ready(node):
            raise ActionTrouble("the cluster says that it is not ready; pods would hang there")
        return "let it take pods again"

    def act(self, scene: Scene, host: Host) -> str:
        """Open it."""
        self._kubectl(scene, host, "uncordon", host.name)
        return "it takes pods again"

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """It is open and ready."""
        node = self._nodes(scene, host)[host.name]
        return "" if _ready(node) and not closed(node) else "it is not ready, or closed again"

    def back(self, scene: Scene, host: Host) -> str | None:
        """Close it; what is there stays."""
        self._kubectl(scene, host, "cordon", host.name)
        return "it takes no new pods"


def closed(node: dict[str, Any]) -> bool:
    """Whether a node of a cluster takes no new pods."""
    return bool(node["spec"].get("unschedulable"))


def _ready(node: dict[str, Any]) -> bool:
    return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def _takes_pods(node: dict[str, Any]) -> bool:
    """Whether a node is ready and open to pods that know no taint."""
    barred = any(one["effect"] in ("NoSchedule", "NoExecute") for one in node["spec"].get("taints", []))
    return _ready(node) and not closed(node) and not barred
