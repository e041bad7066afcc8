"""A roll-out in shards as pods of the lab's own cluster: each is killed once, and the end is that of one controller.

Before it, where there is a network, and then once for the cluster:
  sudo .venv/bin/province toolchain images fleet-runner
  province dc up rach-gia platform --reason "the image of shards"
Then: sudo .venv/bin/province lab run -- pytest -m soak tests/lab/test_shard_pods.py

The store is moto's server in this test's own process, at the address of the lab's router: objects in memory, nobody's
storage. Everything else is what it is elsewhere: image, registry, template, Job, kubelet, sshd and Ansible.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.fleet.requests import runner_nodes
from province.fleet.rooms import RUNNER, SHARD, SHARDS
from province.fleet.site import Duty
from province.lab.state import Place
from province.manifest.peers import Peers
from province.ops import site_cluster
from province.ops.node_ssh import SshContact
from province.ops.node_wire import ask, request
from province.ops.workplace import Workplace
from province.pki import authority
from province.rollout import journal
from province.rollout.controller import runs_of
from province.shards.aggregate import end_state
from province.shards.journal import StoreJournal
from province.shards.store import Store
from province.toolchain.images import ImageArchive, image
from province.verify.transport import connect
from tests.consumers.run_store import serving

from .conftest import CHECKOUT, Command, parsed
from .people import CONFIG

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.proves("platform/fleet-runner")]

FLEET = load_fleet("lab")
SITE, WORK = FLEET.primary_site, Workplace.of(FLEET)
NODES = [host.name for host in FLEET.hosts.values() if host.host_class == "edge"]
COUNT = 3
WHY = ("--reason", "shards in pods", "--ticket", "LAB-1", "--yes-hosts", str(len(NODES)))
SPOIL = "echo '# spoilt' | sudo tee -a /etc/motd"
PUBLISH = "python3 /usr/local/lib/province/publish-images"
MOMENTS = {0: "/2-applied/", 1: "/4-verified/", 2: "batch-0002/"}
"""Shard → it is killed when the first fact of this kind is said: in the midst of applying, of verifying, of the second
batch."""
WITHIN_S = 1800.0
INDEX = "batch.kubernetes.io/job-completion-index"


def kubectl(*words: str, stdin: str = "") -> str:
    lost = f"kubectl {' '.join(words)}"
    return site_cluster.kubectl(WORK, SITE, [*words, "--namespace", RUNNER], stdin=stdin, lost=lost, hint="")


def pods(run: str) -> list[dict[str, Any]]:
    found = kubectl("get", "pods", "--selector", f"batch.kubernetes.io/job-name={SHARDS}-{run}", "--output", "json")
    return list(json.loads(found)["items"])


def told(run: str, place: str, province: Command) -> str:
    """Everything that says why a run does not come to its end."""
    parts = [
        province("shard", "status", "--store", place).stdout,
        kubectl("get", "pods", "--output", "wide"),
        kubectl("get", "events", "--sort-by=.lastTimestamp"),
    ]
    for pod in pods(run):
        name = pod["metadata"]["name"]
        try:
            parts.append(f"--- {name}\n{kubectl('logs', name, '--tail', '40')}")
        except ProvinceError as error:
            parts.append(f"--- {name}: {error}")
    return "\n".join(parts)


@pytest.fixture(scope="module")
def archive() -> ImageArchive:
    """The image, which this machine has made before: from inside of the lab there is nowhere to fetch it from."""
    try:
        return image("fleet-runner", Path("/"))
    except ProvinceError as error:
        pytest.fail(f"outside of the lab first: sudo .venv/bin/province toolchain images fleet-runner\n{error}")


@pytest.fixture(scope="module")
def template(archive: ImageArchive) -> str:
    """The site's template, which names that image; the registry of the site serves it."""
    found = kubectl("get", "cronjob", SHARDS, "--output", "json")
    (container,) = json.loads(found)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    mend = f"province toolchain images fleet-runner, then: province dc up {SITE.id} platform --reason image"
    assert container["image"] == archive.reference, f"the cluster knows another image: {mend}"
    link = Place(CHECKOUT).root / "images" / f"{archive.name}.tar"
    link.unlink(missing_ok=True)
    link.symlink_to(archive.path)
    nearest = Peers(FLEET).with_duty(Duty.REGISTRY, runner_nodes(FLEET, SITE)[0])[0]
    registry = connect(nearest.name, CONFIG)
    base = registry.check_output("sed -n 's,^URIs: \\(.*\\)/debian$,\\1,p' /etc/apt/sources.list.d/mirror.sources")
    wanted = {"name": archive.name, "reference": archive.reference, "sha256": archive.sha256}
    listed = json.dumps([{**wanted, "url": f"{base}/images/{archive.name}.tar"}])
    done = registry.run(f"echo '{listed}' | {PUBLISH}")
    assert done.rc == 0, f"{nearest.name} does not take the image: {done.stdout}{done.stderr}"
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The place of the store that the site's cluster reaches; this test's commands reach it by the same variables."""
    assert SITE.cluster
    reached = SITE.cluster.run_store
    assert reached
    signer = authority.load(authority.authority_folder(FLEET))
    (address,) = reached.addresses
    assert isinstance(address, IPv4Address)
    folder = tmp_path_factory.mktemp("store")
    with (
        serving(address, reached.port, reached.bucket, signer=signer, folder=folder) as variables,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert variables["AWS_ENDPOINT_URL"] == reached.url
        for name, value in variables.items():
            patch.setenv(name, value)
        yield reached.place


def spoil(province: Command) -> None:
    for node in NODES:
        done = province("lab", "ssh", node, "--", SPOIL)
        assert done.returncode == 0, f"{node}: {done.stderr}"


def by_one_controller(province: Command) -> tuple[str, bytes]:
    """The id and the end state of a run without shards."""
    spoil(province)
    done = province("apply", *NODES, *WHY, "--soak", "0", "--json")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    run = journal.read_run(journal.find(runs_of(WORK), parsed(done)["run"]))
    return run.id, end_state(run)


def kill_each_once(run: str, place: str, province: Command) -> dict[int, str]:
    """Kill the pod of every shard at its moment until the Job is over; shard → the pod that was killed."""
    facts, killed, deadline = Store.at(place), dict[int, str](), time.monotonic() + WITHIN_S
    while True:
        status = json.loads(kubectl("get", "job", f"{SHARDS}-{run}", "--output", "json"))["status"]
        if over := [one for one in status.get("conditions", ()) if one["status"] == "True"]:
            ends = {one["type"]: one.get("message", "") for one in over}
            assert "Complete" in ends, f"the Job ended badly: {ends}\n{told(run, place, province)}"
            return killed
        assert time.monotonic() < deadline, f"no end in {WITHIN_S:.0f} s\n{told(run, place, province)}"
        names = facts.names()
        for pod in pods(run):
            index, name = int(pod["metadata"]["annotations"][INDEX]), pod["metadata"]["name"]
            ready = index not in killed and pod["status"].get("phase") == "Running"
            if ready and any(MOMENTS[index] in one for one in names):
                # Its first process does not end by SIGTERM: a second later it is killed.
                kubectl("delete", "pod", name, "--grace-period=1", "--wait=false")
                killed[index] = name
        time.sleep(1)


def test_pods_that_are_killed_come_to_the_end_of_one_controller(province: Command, template: str, store: str) -> None:
    alone, expected = by_one_controller(province)
    spoil(province)
    place = f"{store}{os.getpid()}-{int(time.time())}"
    begun = province("shard", "begin", "--store", place, "--of", str(COUNT), *WHY, *NODES)
    assert begun.returncode == 0, f"{begun.stdout}{begun.stderr}"
    run = StoreJournal(Store.at(place)).run.id
    lent = province("shard", "lend", "--store", place)
    assert lent.returncode == 0, lent.stderr
    try:
        kubectl("create", "--filename", "-", stdin=made(place, template))
        killed = kill_each_once(run, place, province)
        assert province("shard", "status", "--store", place).returncode == 0, told(run, place, province)
        assert set(killed) == set(range(COUNT)), f"too quick to be killed: only {killed}"
    finally:
        kubectl("delete", "job", f"{SHARDS}-{run}", "--ignore-not-found", "--wait=false")
        back = province("shard", "take-back")
    assert back.returncode == 0, back.stderr
    assert kubectl("get", "secrets", "--output", "name") == "", "nothing that opens a host stays in the cluster"
    facts = StoreJournal(Store.at(place))
    facts.look()
    assert end_state(facts.run).replace(run.encode(), alone.encode()) == expected
    names = set(facts.store.names())
    proofs = {one.evidence for batch in facts.run.batches for one in batch.verified.values()}
    assert proofs
    assert proofs <= names
    assert {node: ask(SshContact(FLEET, node), request("status"))["differs"] for node in NODES} == {
        node: [] for node in NODES
    }


def made(place: str, template: str) -> str:
    """The Job of a run, as the command prints it from the template."""
    words = [sys.executable, "-m", "province", "shard", "kubernetes", "--store", place]
    done = subprocess.run(words, input=template, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["spec"]["template"]["spec"]["containers"][0]["name"] == SHARD
    return done.stdout
