"""A bare box becomes a node: the real first boot in a root of its own, real OpenSSH at both ends, the real registers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.hosts import Host
from province.fleet.load import inventories_root
from province.lab import desk as lab_desk
from province.manifest.enrolment import open_points
from province.manifest.revoked import load_revoked
from province.manifest.seeds import history, load_seeds
from province.manifest.trust import load_trust, register_of, trust_folder
from province.pki.ssh_host import fingerprint
from province.seed.contact import collect
from province.seed.make import make
from province.verify.signature import signer_of

from .boxes import Box, Desk, desk_at, may_make_boxes

NODE, OTHER = "phu-quoc-party", "phu-quoc-people"
HOST_KEY = "/etc/ssh/province/ssh_host_ed25519_key"
CLAIM = "/var/lib/province-seed/claim.json"
pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box needs a root of its own: run as root, as CI does")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in whose network the lab's is: boxes stand on loopback."""
    monkeypatch.setattr(lab_desk, "command", lambda _, words: list(words))
    shutil.copytree(inventories_root(), tmp_path / "inventories")
    made = desk_at(tmp_path, tmp_path / "inventories", NODE)
    yield made
    for box in made.boxes:
        box.off()


def node(desk: Desk, name: str = NODE) -> Host:
    return desk.fleet.hosts[name]


def seed(desk: Desk, name: str = NODE, *, days_ago: int = 0, to: str = "stick") -> Path:
    signer = signer_of(desk.fleet.root / "lab" / "ssh_config")
    now = datetime.now(UTC) - timedelta(days=days_ago)
    return make(desk.fleet, node(desk, name), desk.folder / to, reason="test", now=now, signer=signer).folder


def started(desk: Desk, stick: Path) -> Box:
    """A bare box after its first boot from a stick."""
    box = desk.box()
    assert f"{NODE} is claimed" in box.first_boot(stick)
    box.start_ssh()
    return box


def test_a_bare_box_becomes_the_node_without_a_typed_word(desk: Desk) -> None:
    box = started(desk, seed(desk))
    shown = box.run("ssh-keygen", "-l", "-f", f"{HOST_KEY}.pub").stdout.split()[1]
    done = collect(desk.fleet, node(desk), datetime.now(UTC))
    assert fingerprint(done.ssh) == shown
    assert NODE not in open_points(desk.fleet, register_of(desk.fleet), datetime.now(UTC)), "every key is registered"
    assert not (box.root / "var/lib/province-seed").exists(), "nothing of the seed is left"
    assert not list((box.root / "etc/systemd/system").rglob("province-first-boot*"))
    assert f"HostCertificate {HOST_KEY}-cert.pub" in box.read("/etc/ssh/sshd_config.d/00-bootstrap.conf")
    (row,) = load_seeds(trust_folder(desk.fleet))
    assert row.used
    assert row.used.ssh == done.ssh
    with pytest.raises(ProvinceError, match="its first boot has ended"):
        collect(desk.fleet, node(desk), datetime.now(UTC))
