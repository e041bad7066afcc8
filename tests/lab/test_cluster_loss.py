"""What is lost comes back: etcd from a snapshot, a control plane that dies, a node that leaves. All in `make soak`."""

from __future__ import annotations

import ssl
import subprocess
import time
import urllib.request

import pytest

from province.fleet.cluster_plan import api_addresses
from province.fleet.load import load_fleet

from .conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.proves(31, 88)]

FLEET = load_fleet("lab")
SITE = FLEET.primary_site
GROUP = f"site_{SITE.id.replace('-', '_')},localhost"
PLANES = [host for host in FLEET.hosts_of(SITE.id) if host.host_class == "control-plane"]
NODES = [host for host in FLEET.hosts_of(SITE.id) if host.host_class in {"control-plane", "worker", "ingress"}]
ADMIN = "sudo kubectl --kubeconfig /etc/kubernetes/admin.conf"
SPARE = pytest.mark.skipif(
    len(PLANES) < 3, reason="one control plane: start the lab with LAB_HA=1 (expires 2027-11-30)"
)
FAST_S = 10.0
PATIENCE_S = 240.0


def on(host: str, command: str) -> str:
    done = subprocess.run(["ssh", host, command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{host}: {command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def answers() -> bool:
    """Whether the API server answers at its shared address."""
    assert SITE.cluster
    address = api_addresses(FLEET, SITE)[FLEET.province.management_zone].plain[0]
    try:
        context = ssl._create_unverified_context()  # noqa: S323 - only whether somebody is well is asked
        with urllib.request.urlopen(
            f"https://{address}:{SITE.cluster.api.port}/readyz", timeout=1, context=context
        ) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def silence(until_s: float) -> float:
    """The longest time for which nobody answered, seen over `until_s` seconds."""
    end, last, longest = time.monotonic() + until_s, time.monotonic(), 0.0
    while time.monotonic() < end:
        if answers():
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return max(longest, time.monotonic() - last)


def test_what_was_lost_since_is_in_the_snapshot(ansible: Command) -> None:
    """A snapshot, then a loss, then the restore: what was there is there, what came later is not."""
    plane = PLANES[0].name
    on(plane, f"{ADMIN} create configmap kept --from-literal=word=kept")
    on(plane, "sudo systemctl start etcd-snapshot.service")
    on(plane, f"{ADMIN} delete configmap kept && {ADMIN} create configmap later --from-literal=word=later")
    try:
        done = ansible("recover", "--extra-vars", f"from={plane}")
        assert done.returncode == 0, done.stdout
        assert on(plane, f"{ADMIN} get configmap kept -o jsonpath='{{.data.word}}'") == "kept"
        assert on(plane, f"{ADMIN} get configmap later --ignore-not-found") == ""
        again = ansible("cluster", "--limit", GROUP)
        assert again.returncode == 0, again.stdout
        assert on(plane, f"{ADMIN} get nodes --no-headers | grep -c ' Ready '") == str(len(NODES))
    finally:
        on(plane, f"{ADMIN} delete configmap kept later --ignore-not-found")


@SPARE
def test_a_control_plane_that_dies_is_missed_for_seconds_only(province: Command) -> None:
    holder = next(plane.name for plane in PLANES if _holds(plane.name))
    province("lab", "off", holder)
    try:
        assert silence(30.0) < FAST_S
    finally:
        assert province("lab", "up").returncode == 0
    deadline = time.monotonic() + PATIENCE_S
    while on(PLANES[-1].name, f"{ADMIN} get node {holder} --no-headers").split()[1] != "Ready":
        assert time.monotonic() < deadline


def _holds(plane: str) -> bool:
    assert SITE.cluster
    address = api_addresses(FLEET, SITE)["servers"].plain[0]
    return str(address) in on(plane, "ip -4 -o address show servers")


@SPARE
def test_a_lost_control_plane_is_forgotten_and_joins_again(ansible: Command) -> None:
    lost = PLANES[1].name
    on(
        lost,
        "sudo kubeadm reset --force --skip-phases=remove-etcd-member && sudo touch /var/lib/province/cluster-begun",
    )
    done = ansible("recover", "--extra-vars", f"lost={lost}")
    assert done.returncode == 0, done.stdout
    again = ansible("cluster", "--limit", GROUP)
    assert again.returncode == 0, again.stdout
    assert on(PLANES[0].name, f"{ADMIN} get nodes --no-headers | grep -c ' Ready '") == str(len(NODES))


@SPARE
def test_a_node_leaves_and_joins_again(ansible: Command) -> None:
    worker = next(host.name for host in NODES if host.host_class == "worker")
    done = ansible("scale", "--limit", GROUP, "--extra-vars", f"leaving={worker}")
    assert done.returncode == 0, done.stdout
    assert worker not in on(PLANES[0].name, f"{ADMIN} get nodes --output name")
    again = ansible("scale", "--limit", GROUP)
    assert again.returncode == 0, again.stdout
    assert f"node/{worker}" in on(PLANES[0].name, f"{ADMIN} get nodes --output name")


def test_the_way_of_an_upgrade_is_walked_with_the_same_version(ansible: Command) -> None:
    done = ansible("upgrade", "--limit", GROUP, "--extra-vars", "rehearsal=true")
    assert done.returncode == 0, done.stdout
    assert on(PLANES[0].name, f"{ADMIN} get nodes --no-headers | grep -c ' Ready '") == str(len(NODES))
