"""A bare box becomes a node: the real first boot in a root of its own, real OpenSSH at both ends, real registers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from province.errors import ProvinceError
from province.fleet.hosts import Host
from province.lab import desk as lab_desk
from province.manifest.enrolled import SSH_KEY
from province.manifest.enrolment import open_points
from province.manifest.revoked import load_revoked
from province.manifest.seeds import history, load_seeds
from province.manifest.trust import register_of, trust_folder
from province.ops.actions.action import Scene
from province.ops.actions.remote import SshRemote
from province.ops.actions.replace_node import ReplaceNode
from province.pki.ssh_host import fingerprint
from province.seed.contact import collect
from province.seed.make import make
from province.verify.signature import signer_of

from .boxes import Box, Desk, desk_at, fresh, may_make_boxes

NODE = "phu-quoc-party"
HOST_KEY = "/etc/ssh/province/ssh_host_ed25519_key"
pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box needs a root of its own: run as root, as CI does")


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_at(tmp_path_factory.mktemp("desk"), NODE)


@pytest.fixture
def desk(first_day: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk in whose network the lab's is: boxes stand on loopback."""
    monkeypatch.setattr(lab_desk, "command", lambda _, words: list(words))
    made = fresh(first_day, tmp_path)
    yield made
    for box in made.boxes:
        box.off()


def node(desk: Desk) -> Host:
    return desk.fleet.hosts[NODE]


def seed(desk: Desk, to: str = "stick") -> Path:
    signer = signer_of(desk.fleet.root / "lab" / "ssh_config")
    return make(desk.fleet, node(desk), desk.folder / to, reason="test", now=datetime.now(UTC), signer=signer).folder


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
    with pytest.raises(ProvinceError, match="has ended its first boot; no claim waits"):
        collect(desk.fleet, node(desk), datetime.now(UTC))


def test_a_swapped_box_is_the_node_and_the_one_before_is_history(desk: Desk) -> None:
    """Both boxes are from the same shelf; the second one comes after the first was revoked."""
    stick = seed(desk)
    started(desk, stick)
    first = collect(desk.fleet, node(desk), datetime.now(UTC))
    scene = Scene(desk.fleet, SshRemote(desk.fleet), desk.folder / "none")
    action = ReplaceNode({"nodes": NODE, "reason": "box burnt", "to": str(desk.folder / "second")})
    action.prepare(scene)
    action.prepare(scene)
    assert len(load_seeds(trust_folder(desk.fleet))) == 2, "a resumed run makes no other seed"
    with pytest.raises(ProvinceError, match="in a swap: it is still the old box"):
        collect(desk.fleet, node(desk), datetime.now(UTC))
    box = started(desk, desk.folder / "second" / f"{NODE}-seed")
    second = collect(desk.fleet, node(desk), datetime.now(UTC))
    trust = trust_folder(desk.fleet)
    boxes = list(history(NODE, load_seeds(trust), load_revoked(trust), register_of(desk.fleet).enrolled.keys))
    assert [(one.keys[SSH_KEY], one.why, bool(one.since), bool(one.until)) for one in boxes] == [
        (first.ssh, "box burnt", True, True),
        (second.ssh, "", True, False),
    ]
    assert "was phu-quoc-party before; install it anew" in box.first_boot(stick)


def test_a_second_box_of_the_same_stick_is_refused_by_name(desk: Desk) -> None:
    stick = seed(desk)
    started(desk, stick)
    first = collect(desk.fleet, node(desk), datetime.now(UTC))
    other = started(desk, stick)
    shown = other.run("ssh-keygen", "-l", "-f", f"{HOST_KEY}.pub").stdout.split()[1]
    with pytest.raises(
        ProvinceError, match=f"used on .* by the box {re.escape(fingerprint(first.ssh))}; this box is"
    ) as caught:
        collect(desk.fleet, node(desk), datetime.now(UTC))
    assert shown in str(caught.value)
    assert register_of(desk.fleet).enrolled.keys[NODE][SSH_KEY] == first.ssh


def test_a_box_without_the_token_is_not_even_asked(desk: Desk) -> None:
    """It stands at the node's address, and its daemon shows a key of its own."""
    box = started(desk, seed(desk))
    box.off()
    stolen = seed(desk, "newer")
    box.start_ssh()
    with pytest.raises(ConnectionError, match=r"(?i)host key verification failed"):
        collect(desk.fleet, node(desk), datetime.now(UTC))
    assert (stolen / "token").is_file()
    assert NODE not in register_of(desk.fleet).enrolled.keys
