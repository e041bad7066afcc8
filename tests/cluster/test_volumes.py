"""A volume is a folder on a disk of a node: made when its first pod comes, it outlives pod and claim."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.components.platform_pods import NOBODY
from infra.components.storage_classes import storage_class
from infra.components.volume_provisioner import FOLDERS
from infra.quantity import memory
from province.fleet.hosts import Host
from province.fleet.layer import PLATFORM
from province.fleet.load import load_fleet
from province.fleet.system import System

from .conftest import ENVIRONMENT, LiveStack, live_stack
from .sample_pods import OURS, pod

pytestmark = pytest.mark.lab

CLAIM = "proof-of-volume"
PLACE = "/data"


@dataclass(frozen=True)
class Room:
    """The room of a system of level 3, with a claim of ours on its own class of volumes."""

    stack: LiveStack
    node: Host
    system: System
    folder: Path

    def kubectl(self, *words: str) -> str:
        return self.stack.kubectl("--namespace", self.system.id, *words)

    def apply(self, body: dict[str, object]) -> None:
        file = self.folder / "object.json"
        file.write_text(json.dumps(body))
        self.kubectl("apply", "--filename", str(file))

    def start(self, name: str) -> None:
        """Start a pod with the volume, and wait until it answers."""
        body = pod(name)
        body["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}]
        body["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": PLACE}]
        self.apply(body)
        self.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=150s")

    def inside(self, name: str, script: str) -> str:
        """What a shell of the node prints that sees the file system of a pod as `$root`."""
        status = json.loads(self.kubectl("get", "pod", name, "-o", "json"))["status"]
        identity = status["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        find = f"root=/proc/$(sudo ctr -n k8s.io tasks list | awk '$1 == \"{identity}\" {{print $2}}')/root"
        return self.on_node(f"{find}; {script}")

    def on_node(self, script: str) -> str:
        done = subprocess.run(["ssh", self.node.name, "--", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def volume(self) -> str:
        return str(json.loads(self.kubectl("get", "pvc", CLAIM, "-o", "json"))["spec"]["volumeName"])


@pytest.fixture
def room(settings: dict[str, str], tmp_path: Path) -> Iterator[Room]:
    fleet = load_fleet(ENVIRONMENT)
    site = fleet.primary_site
    node = next(host for host in fleet.hosts_of(site.id) if host.host_class == "control-plane")
    system = next(one for one in fleet.systems_at(site) if one.level >= 3 and not one.project06)
    room = Room(live_stack((site.id, PLATFORM), settings), node, system, tmp_path)
    room.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": storage_class(system),
                "resources": {"requests": {"storage": "16Mi"}},
            },
        }
    )
    try:
        yield room
    finally:
        room.kubectl("delete", "pod", "--selector", OURS, "--ignore-not-found", "--wait")
        room.kubectl("delete", "pvc", CLAIM, "--ignore-not-found")


@pytest.mark.proves("platform/volumes")
def test_what_a_pod_stores_outlives_it_and_its_claim_and_goes_when_people_say_so(room: Room) -> None:
    room.start("first")
    mine = f"$root{PLACE}/mine"
    room.inside("first", f"sudo install -d -m 0700 -o {NOBODY} {mine}; echo kept | sudo tee {mine}/proof")
    room.kubectl("delete", "pod", "first", "--wait")
    room.start("second")
    assert room.inside("second", f"sudo cat $root{PLACE}/mine/proof") == "kept"
    volume = room.volume()
    room.kubectl("delete", "pod", "second", "--wait")
    room.kubectl("delete", "pvc", CLAIM, "--wait")
    room.kubectl("wait", "--for=jsonpath={.status.phase}=Released", f"pv/{volume}", "--timeout=60s")
    assert room.on_node(f"sudo sh -c 'cat {FOLDERS}/{volume}_*/mine/proof'") == "kept"
    room.kubectl("patch", "pv", volume, "--patch", json.dumps({"spec": {"persistentVolumeReclaimPolicy": "Delete"}}))
    room.kubectl("wait", "--for=delete", f"pv/{volume}", "--timeout=120s")
    assert not [folder for folder in room.on_node(f"sudo ls {FOLDERS}").split() if folder.startswith(volume)]


def test_what_a_pod_may_write_on_its_nodes_disk_has_the_tiers_limit(room: Room) -> None:
    """Who says nothing has the usual one, and more than the most is refused."""
    rules = room.stack.fleet.tiers[room.system.tier].containers
    room.apply(pod("modest"))
    told = "jsonpath={.spec.containers[0].resources.limits.ephemeral-storage}"
    assert room.kubectl("get", "pod", "modest", "--output", told) == memory(rules.default_scratch_mib)
    greedy = pod("greedy")
    (container,) = greedy["spec"]["containers"]
    container["resources"]["limits"]["ephemeral-storage"] = memory(rules.max_scratch_mib + 1)
    with pytest.raises(AssertionError, match="maximum ephemeral-storage usage per Container is"):
        room.apply(greedy)
