"""Boot hosts anew that have to, one of a pair at a time, in their own window."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar

from province.fleet.fleet import Fleet
from province.fleet.hosts import Host
from province.fleet.updates import may_reboot, reboot_windows
from province.manifest.peers import NODE_CLASSES
from province.ops.actions.action import Scene
from province.ops.actions.drain_node import OfCluster, closed
from province.ops.actions.remote import ActionTrouble, must

MARK = "/run/reboot-required"
BOOT = "/proc/sys/kernel/random/boot_id"
PATIENCE = 600.0
"""Seconds until a host has to answer again: a server with much memory counts it first."""
ANSWERS = 10.0
"""Seconds that a host which may be down is given to answer."""
PAUSE = 3.0


class RebootHosts(OfCluster):
    """Boot hosts anew that wait for it since an update (a kernel, or what nothing else restarts), and see them back.

    When: `province op update-hosts` said that hosts have to boot anew, and the reboot window of their class is open
    (`updates.reboots` in province.yml).

    Blast radius: the hosts of one batch, two to ten minutes each. Refused while its partner does not answer: the other
    node of the commune, the others of its role. A node of a cluster has to be drained first.

    Way back: none; a host that does not come back is reported, its partner does the work, and the run stops.
    """

    verb: ClassVar[str] = "reboot-hosts"
    commands: ClassVar[tuple[str, ...]] = (
        "province op reboot-hosts all",
        'province op reboot-hosts all --reason "kernel of November" --ticket OPS-114 --go',
    )
    healthy_seconds: ClassVar[float] = 300.0

    def pre(self, scene: Scene, host: Host) -> str:
        """It has to boot, may do so now, and somebody does its work meanwhile."""
        why = scene.remote.run(host.name, ["cat", MARK]).printed.split()
        if not why:
            return ""
        if self.arguments["emergency"] != "yes" and not may_reboot(scene.fleet, host, datetime.now(UTC)):
            windows = ", ".join(map(str, reboot_windows(scene.fleet, host)))
            raise ActionTrouble(f"may boot anew only {windows}")
        if host.host_class in NODE_CLASSES and not closed(self._nodes(scene, host)[host.name]):
            raise ActionTrouble(f"takes pods: province op drain-node {host.name}, and undrain-node afterwards")
        for other in partners(scene.fleet, host):
            try:
                must(scene.remote, other.name, ["true"], ANSWERS)
            except ConnectionError as error:
                raise ActionTrouble(f"its partner {other.name} does not answer: {error}") from None
        return f"boot anew for {' '.join(why)}"

    def act(self, scene: Scene, host: Host) -> str:
        """Boot it, and wait until it answers from another boot."""
        before, began = must(scene.remote, host.name, ["cat", BOOT]), time.monotonic()
        with suppress(ConnectionError):  # it may be gone before it has answered; whether it went is seen below
            must(scene.remote, host.name, ["systemctl", "--no-block", "reboot"], ANSWERS)
        while True:
            try:
                if must(scene.remote, host.name, ["cat", BOOT], ANSWERS) != before:
                    return f"back after {time.monotonic() - began:.0f} s"
            except (ConnectionError, ActionTrouble):
                pass
            if time.monotonic() - began > PATIENCE:
                raise ActionTrouble(f"has not come back for {PATIENCE:.0f} s; somebody has to look at the machine")
            time.sleep(PAUSE)

    def unhealthy(self, scene: Scene, host: Host) -> str:
        """All of it runs, and nothing waits for a boot any more."""
        state = scene.remote.run(host.name, ["systemctl", "is-system-running"]).printed.strip()
        if state != "running":
            return f"it is {state or 'silent'} (systemctl --failed)"
        return "it still waits for a boot" if scene.remote.run(host.name, ["cat", MARK]).printed else ""


def partners(fleet: Fleet, host: Host) -> list[Host]:
    """Who does a host's work while it is away: the commune's other node, else the others of its class, its site first.

    None for a host that is the only one of its class: then nobody can.
    """
    if host.commune:
        return [one for one in fleet.hosts.values() if one.commune == host.commune and one.name != host.name]
    same = [one for one in fleet.hosts.values() if one.host_class == host.host_class and one.name != host.name]
    return [one for one in same if one.site == host.site] or same
