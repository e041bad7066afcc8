"""The lab engine on this machine: a small lab of its own, beside any other, from nothing to nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.lab import cgroups, desk, engine, guest, mirror, mounts, network, processes
from province.lab.deb import Deb, make_deb
from province.lab.spec import LabSpec, NicSpec
from province.lab.state import Place, exclusive

from .small_lab import NARROW_MBPS, small_lab

pytestmark = pytest.mark.lab

Ssh = Callable[..., "subprocess.CompletedProcess[str]"]


def quiet(_: str) -> None:
    """Hear the engine's progress without printing it."""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a package of our own that prints a word."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe").write_text("#!/bin/sh\necho from-the-lab\n")
    files = {"/usr/bin/probe": (folder / "probe", 0o755)}
    return make_deb(folder, Deb("probe", "1.0", files, "Lab <lab@engine.test>", "proof that the lab's source works"))


@pytest.fixture(scope="module")
def spec(probe: Path) -> LabSpec:
    """Give the small lab whose mirror has the package."""
    return small_lab((probe,))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, spec: LabSpec) -> Iterator[Path]:
    """Give a folder that stands for a checkout, with its lab up; whatever happens, it is taken down."""
    folder = tmp_path_factory.mktemp("checkout")
    try:
        engine.up(folder, spec, say=quiet)
        yield folder
    finally:
        engine.down(folder, say=quiet)


@pytest.fixture
def lab(checkout: Path, spec: LabSpec) -> Path:
    """Give the lab as specified, whatever the test before did to it."""
    engine.up(checkout, spec, say=quiet)
    return checkout


@pytest.fixture
def ssh(lab: Path) -> Ssh:
    """Run a command on a guest as the operator."""

    def call(name: str, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = ["ssh", "-F", str(desk.ssh_config(lab)), *options, name, *words]
        return subprocess.run(desk.command(lab, command), capture_output=True, text=True, check=False, timeout=60)

    return call


def test_a_second_run_changes_nothing(lab: Path, spec: LabSpec) -> None:
    report = engine.up(lab, spec, say=quiet)
    assert [step for step in report.steps if step.changed] == []


def test_every_guest_lets_the_operator_in_by_name(ssh: Ssh, spec: LabSpec) -> None:
    names = [ssh(guest.name, "hostname", "--fqdn").stdout.strip() for guest in spec.guests]
    assert names == [f"{guest.name}.engine.test" for guest in spec.guests]


@pytest.mark.parametrize("name", ["edge-1", "services-1", "cluster-1"])
def test_a_guest_is_a_whole_system_without_failures(ssh: Ssh, name: str) -> None:
    assert ssh(name, "systemctl", "is-system-running", "--wait").stdout.strip() == "running"


def test_a_key_without_certificate_opens_nothing(lab: Path, ssh: Ssh, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    alone = ("-F", "none", "-i", str(tmp_path / "key"), "-o", "BatchMode=yes", "-l", "ops")
    trust = ("-o", f"UserKnownHostsFile={lab}/.province/lab/ssh/known_hosts", "-o", "StrictHostKeyChecking=yes")
    refused = ssh("198.18.1.11", "true", options=(*alone, *trust))
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_root_cannot_log_in(ssh: Ssh) -> None:
    refused = ssh("services-1", "true", options=("-l", "root", "-o", "ControlPath=none"))
    assert "Permission denied" in refused.stderr


def test_a_host_that_the_authority_did_not_sign_is_not_entered(ssh: Ssh, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    (tmp_path / "known").write_text(f"@cert-authority * {(tmp_path / 'other.pub').read_text()}")
    refused = ssh("services-1", "true", options=("-o", f"UserKnownHostsFile={tmp_path}/known", "-S", "none"))
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_nothing_inside_has_a_way_out(lab: Path, ssh: Ssh) -> None:
    for outside in ("192.0.2.1", "2001:db8:ffff::1"):
        route = subprocess.run(desk.command(lab, ["ip", "route", "get", outside]), capture_output=True, check=False)
        assert route.returncode != 0
    reach = "import socket; socket.create_connection(('192.0.2.1', 80), 3)"
    assert "unreachable" in ssh("edge-1", "python3", "-c", f'"{reach}"').stderr


def test_a_way_out_made_by_hand_is_found(lab: Path, spec: LabSpec) -> None:
    netns = Place(lab).netns
    network.batch(netns, ["route add default via 198.18.1.11"])
    try:
        with pytest.raises(ProvinceError, match="route to default, so the lab is not closed"):
            engine.up(lab, spec, say=quiet)
    finally:
        network.batch(netns, ["route del default"])


def test_guests_of_different_networks_reach_each_other(ssh: Ssh) -> None:
    greet = "import socket; print(socket.create_connection(('198.18.1.12', 22), 5).recv(8).decode())"
    assert ssh("edge-1", "python3", "-c", f'"{greet}"').stdout.strip() == "SSH-2.0-"


@pytest.mark.parametrize("words", ["{some} | {edge} 'cat > /dev/null'", "{edge} '{some}' > /dev/null"])
def test_a_line_carries_no_more_than_its_capacity_either_way(ssh: Ssh, lab: Path, words: str) -> None:
    ssh("edge-1", "true")
    script = words.format(some="head -c 1000000 /dev/urandom", edge=f"ssh -F {desk.ssh_config(lab)} edge-1")
    begun = time.monotonic()
    subprocess.run(desk.command(lab, ["sh", "-c", script]), check=True, timeout=60)
    assert 8.0 / (time.monotonic() - begun) < NARROW_MBPS * 1.1


def test_a_guest_installs_from_the_labs_source_and_checks_its_signature(lab: Path, ssh: Ssh, spec: LabSpec) -> None:
    source = f"deb [signed-by=/usr/share/keyrings/province-lab.gpg] {mirror.source(spec.station, 80)} trixie main"
    ssh("services-1", f"echo '{source}' | sudo tee /etc/apt/sources.list.d/lab.list")
    installed = ssh("services-1", "sudo apt-get -q update && sudo apt-get -q install -y probe && probe")
    assert installed.returncode == 0, installed.stderr
    assert installed.stdout.splitlines()[-1] == "from-the-lab"
    release = Place(lab).mirror / "served/debian/dists/trixie/InRelease"
    good = release.read_text()
    release.write_text(good.replace("Origin: Province", "Origin: province"))
    try:
        refused = ssh("services-1", "sudo apt-get -q -o APT::Update::Error-Mode=any update")
        assert refused.returncode != 0
    finally:
        release.write_text(good)


def test_a_cluster_guest_is_fit_for_a_kubelet(ssh: Ssh) -> None:
    tunables = ssh("cluster-1", "cat /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic").stdout.split()
    assert tunables == ["1", "10"]
    groups = "for tree in $(awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/mounts); do "
    groups += "sudo mkdir $tree/probe && sudo rmdir $tree/probe || echo refused $tree; done"
    assert ssh("cluster-1", groups).stdout == ""
    kinds = ssh("cluster-1", "findmnt -n -o FSTYPE -T /var/lib/containerd; findmnt -n -o FSTYPE /").stdout.split()
    assert kinds[0] != "overlay"
    assert kinds[1] == "overlay"


def test_a_cut_line_is_seen_and_mended(lab: Path, spec: LabSpec) -> None:
    desk.cut(lab, spec, "services-1", "dc0")
    status = {guest.name: guest for guest in desk.status(lab, spec)}
    assert status["services-1"] == desk.GuestStatus("services-1", running=True, reachable=False, cut=("dc0",))
    assert status["edge-1"].reachable
    report = engine.up(lab, spec, say=quiet)
    assert report.steps[-1].changed == ("services-1",)
    assert all(guest.reachable for guest in desk.status(lab, spec))


def test_a_power_cut_ends_a_guest_and_keeps_its_disk(lab: Path, spec: LabSpec, ssh: Ssh) -> None:
    ssh("services-1", "echo kept > kept; sync")
    assert desk.power_off(lab, spec, "services-1")
    assert not desk.power_off(lab, spec, "services-1")
    assert set(guest.running(Place(lab))) == {"edge-1", "cluster-1"}
    engine.up(lab, spec, say=quiet)
    ssh("services-1", options=("-O", "exit"))
    assert ssh("services-1", "cat", "kept").stdout.strip() == "kept"


def test_after_a_power_cut_no_control_group_is_left_of_the_life_before(lab: Path, spec: LabSpec, ssh: Ssh) -> None:
    """No machine has them then; a kubelet looks minutes for the containers that were in them."""
    left = "find /sys/fs/cgroup -type d -name left-over"
    ssh("cluster-1", "cd /sys/fs/cgroup/cpuset || cd /sys/fs/cgroup; sudo mkdir left-over")
    assert ssh("cluster-1", left).stdout.strip()
    guest.cut_power(Place(lab), ["cluster-1"])  # as if the whole machine had lost it: nobody tidies up
    engine.up(lab, spec, say=quiet)
    ssh("cluster-1", options=("-O", "exit"))
    found = ssh("cluster-1", left)
    assert (found.returncode, found.stdout.strip()) == (0, "")


def test_a_container_that_lost_its_supervisor_is_replaced(lab: Path, spec: LabSpec) -> None:
    place = Place(lab)
    supervisor = guest.running(place)["services-1"].pid
    orphans = processes.descendants(supervisor)
    processes.end([supervisor])
    assert engine.up(lab, spec, say=quiet).steps[-1].changed == ("services-1",)
    alive = {process.pid for process in processes.find(lambda _: True)}
    assert not alive & set(orphans)


def test_what_is_no_longer_specified_goes_and_what_changed_starts_again(lab: Path, spec: LabSpec) -> None:
    edge, services, cluster = spec.guests
    rewired = replace(services, nics=(*services.nics, NicSpec("spare0", None)))
    report = engine.up(lab, replace(spec, guests=(rewired, cluster)), say=quiet)
    assert set(report.steps[-1].changed) == {"edge-1", "services-1"}
    assert set(guest.running(Place(lab))) == {"services-1", "cluster-1"}
    assert not guest.disk(Place(lab), edge.name).folder.exists()


def test_two_runs_at_once_are_refused(lab: Path, spec: LabSpec) -> None:
    with exclusive(Place(lab), "a test"), pytest.raises(ProvinceError, match="being changed by `a test`"):
        engine.up(lab, spec, say=quiet)


def test_a_second_checkout_with_the_same_addresses_does_not_collide(lab: Path, spec: LabSpec, tmp_path: Path) -> None:
    try:
        engine.up(tmp_path, replace(spec, guests=spec.guests[:1]), say=quiet)
        assert all(guest.reachable for guest in desk.status(lab, spec))
    finally:
        engine.down(tmp_path, say=quiet)
    assert leftovers(tmp_path) == []
    assert all(guest.reachable for guest in desk.status(lab, spec))


KILLED = """
import sys
from pathlib import Path
from province.lab import engine
from tests.lab.small_lab import small_lab
engine.up(Path(sys.argv[1]), small_lab(), say=lambda line: print(line, flush=True))
"""


@pytest.mark.parametrize("moment", ["network", "3 guests", "cluster-1 answers"])
def test_a_run_killed_in_the_middle_is_recovered_from(tmp_path: Path, moment: str) -> None:
    try:
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as victim:
            assert victim.stdout is not None
            assert any(line.startswith(moment) for line in victim.stdout)
            os.kill(victim.pid, signal.SIGKILL)
        engine.up(tmp_path, small_lab(), say=quiet)
        assert all(guest.reachable for guest in desk.status(tmp_path, small_lab()))
    finally:
        engine.down(tmp_path, say=quiet)
    assert leftovers(tmp_path) == []


def leftovers(checkout: Path) -> list[str]:
    """List everything of a checkout's lab that is still on the machine."""
    place = Place(checkout)
    found = [f"mount {point}" for point in mounts.below(place.root)]
    found += [f"control group {name}" for name in cgroups.leftovers(place.netns)]
    ours = processes.find(lambda argv: any(place.id in word for word in argv))
    found += [f"process {process.pid}" for process in ours]
    found += [str(path) for path in (place.root, place.runtime, network.file(place.netns)) if path.exists()]
    return found


def test_taking_the_lab_down_leaves_nothing(lab: Path, ssh: Ssh) -> None:
    ssh("services-1", "true")
    assert leftovers(lab)
    assert engine.down(lab, say=quiet).changed
    assert leftovers(lab) == []
    assert not engine.down(lab, say=quiet).changed
