"""What production's hosts get for their ports, VLANs and routing domains is understood by the daemon that reads it.

The lab's hosts have neither VLANs nor routing domains of the kernel, so these files take effect nowhere here. The real
systemd-networkd of a lab host reads them all the same, in a network and among mounts of its own.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from province.fleet.hosts import Host
from province.fleet.load import load_fleet
from province.manifest.build import Builder
from province.manifest.trust import stand_in
from province.ops.node_ssh import SshContact
from province.ops.rehearsal import one_of_each_kind

pytestmark = [pytest.mark.lab, pytest.mark.proves(21)]

LAB = load_fleet("lab")
PRODUCTION = load_fleet("production")
BUILDER = Builder(PRODUCTION, stand_in(PRODUCTION))
READER = next(host for host in LAB.hosts.values() if host.host_class == "edge")
FOLDER = "/etc/systemd/network"
READ = f"""
set -eu
folder=$(mktemp -d)
chmod 755 "$folder"
tar -C "$folder" -xf -
unshare --net --mount sh -eu -c '
    mount --bind "$0" {FOLDER}
    mount -t tmpfs tmpfs /run/dbus
    mount -t tmpfs -o mode=755,uid=$(id -u systemd-network) tmpfs /run/systemd/netif
    rights=+net_admin,+net_raw,+net_bind_service,+net_broadcast
    SYSTEMD_LOG_TARGET=console timeout 2 setpriv --reuid=systemd-network --regid=systemd-network --clear-groups \\
        --inh-caps=$rights --ambient-caps=$rights /usr/lib/systemd/systemd-networkd 2>&1 || test $? = 124' "$folder"
rm -r "$folder"
"""
COMPLAINT = re.compile(rf"{FOLDER}/\S+?:\d+: .*")


def complaints(files: dict[str, str]) -> list[str]:
    """What networkd has against files, by their names."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    words = SshContact(LAB, READER.name).words(READ)
    done = subprocess.run(words, input=packed.getvalue(), capture_output=True, check=True)
    return COMPLAINT.findall(done.stdout.decode())


def files_of(host: Host) -> dict[str, str]:
    """The files that a host of production gets for networkd."""
    there = BUILDER.build(host).files
    return {Path(path).name: file.content for path, file in there.items() if path.startswith(f"{FOLDER}/")}


@pytest.mark.parametrize("host", one_of_each_kind(PRODUCTION.hosts.values()), ids=lambda host: host.name)
def test_networkd_understands_every_file_of_production(host: Host) -> None:
    assert complaints(files_of(host)) == []


def test_a_word_that_networkd_does_not_know_is_noticed() -> None:
    node = next(host for host in PRODUCTION.hosts.values() if host.host_class == "edge")
    files = {name: text.replace("\nId=", "\nNumber=") for name, text in files_of(node).items()}
    assert any("05-video.netdev" in line and "Number" in line for line in complaints(files))
