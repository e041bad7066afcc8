"""Both authorities of SSH are followed by others: real daemons and clients, and a prober that is never refused."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest

from province.errors import ProvinceError
from province.fleet.fleet import Fleet
from province.lab import desk as lab_desk
from province.manifest.build import Builder
from province.manifest.rotations import Kind, Phase, load_rotations
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line
from province.manifest.trust import HOST_CA, USER_CA, stand_in, trust_folder
from province.ops.actions.action import Scene, look
from province.ops.actions.remote import Done, SshRemote
from province.ops.actions.rotate import Rotate
from province.ops.rotation.host_ca import KEY
from province.ops.rotation.standing import Standing
from province.ops.rotation.user_ca import ACCEPTED
from province.pki import ssh_certificate, ssh_host
from province.pki.anchors import fingerprint, fingerprints
from province.pki.authority import authority_folder
from province.pki.subject import subject
from tests.unit.action_world import Gateway, Hosts

from .boxes import Box, bare_box, desk_at, may_make_boxes
from .probing import Prober
from .relay_servers import free_port
from .test_exports import program

pytestmark = pytest.mark.skipif(not may_make_boxes(), reason="a box needs a root of its own: run as root, as CI does")
NODES = ("phu-quoc-party", "phu-quoc-people")
ACCOUNTS = ("ops", "lan")


@dataclass
class Door(Box):
    """A box whose daemon of SSH is set up as hosts have it, with what it says kept as journald would: with times."""

    lines: list[str] = field(default_factory=list)

    def start_ssh(self) -> None:
        """Start the daemon."""
        super().start_ssh()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with (self.root / "sshd.log").open(encoding="utf-8") as log:
            while self.daemon is not None:
                if line := log.readline():
                    self.lines.append(f"{time.time():.6f} box sshd-session[1]: {line.rstrip()}")
                else:
                    time.sleep(0.01)


@dataclass
class World:
    """Two nodes, their doors, the controller's ssh, and an administrator of her own."""

    fleet: Fleet
    folder: Path
    doors: dict[str, Door]
    taken: Hosts = field(default_factory=Hosts)

    def run(self, host: str, words: Sequence[str], seconds: float = 60.0) -> Done:
        """Over real SSH; journald and systemd, which boxes have not, are asked for their part here."""
        door = self.doors[host]
        if words[0] == "journalctl":
            since = float(words[words.index("--since") + 1][1:])
            found = [line for line in door.lines if ": Accepted publickey for " in line]
            found = [line for line in found if float(line.split()[0]) >= since]
            return Done(0 if found else 1, "\n".join(found), "")
        if list(words) == ["systemctl", "reload", "ssh.service"]:
            assert door.daemon is not None
            door.daemon.send_signal(signal.SIGHUP)
            return Done(0, "", "")
        return SshRemote(self.fleet).run(host, words, seconds)

    @property
    def scene(self) -> Scene:
        return Scene(self.fleet, self, self.folder, lambda _, host: Taker(self.taken, host, self.doors[host].root))

    def step(self, kind: Kind, phase: str, only: Sequence[str] = NODES) -> None:
        """What the command does with `--go`, for all hosts or until the controller is killed."""
        action = Rotate({"what": kind, "phase": phase, "reason": "yearly", "new": ""})
        hosts = action.places(self.fleet, tuple(self.fleet.hosts.values()))
        plan = look(action, self.scene, hosts)
        action.prepare(self.scene)
        for host in (self.fleet.hosts[name] for name in only if name in plan.digests):
            if action.pre(self.scene, host):
                action.act(self.scene, host)
                while action.unhealthy(self.scene, host):
                    time.sleep(0.05)

    def ssh(self, host: str, *options: str) -> list[str]:
        return ["ssh", "-F", str(self.fleet.root / "lab" / "ssh_config"), "-o", "BatchMode=yes", *options, host, "true"]

    def lan(self, host: str) -> subprocess.CompletedProcess[str]:
        """The administrator enters by a certificate of her own."""
        words = ("-l", "lan", "-i", str(self.folder / "lan"), "-o", f"CertificateFile={self.folder}/lan-cert.pub")
        return subprocess.run(self.ssh(host, *words), capture_output=True, text=True, check=False)


@dataclass
class Taker(Gateway):
    """A host whose transaction has its own tests: of what it is told, the file of authorities is put in its place."""

    root: Path

    def send(self, request: bytes) -> str:
        answer = super().send(request)
        if text := self.hosts.files.get((self.host, ACCEPTED)):
            fresh = self.root / f"{ACCEPTED[1:]}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.root / ACCEPTED[1:])
        return answer


def alone(fleet: Fleet, names: Sequence[str]) -> Fleet:
    """The fleet as if it had no other hosts, with what the others mean to these worked out before."""
    builder = Builder(fleet, stand_in(fleet))
    for name in names:
        builder.build(fleet.hosts[name])
    fleet.__dict__["hosts"] = MappingProxyType({name: fleet.hosts[name] for name in names})
    return fleet


def signed(key: Path, name: str, by: Path) -> None:
    words = ["ssh-keygen", "-q", "-s", str(by), "-I", f"{name} at her desk", "-n", name, "-V", "-1h:+14d"]
    subprocess.run([*words, str(key.with_name(f"{key.name}.pub"))], check=True)


def door(folder: Path, fleet: Fleet, name: str) -> Door:
    """A node's box with its accounts, its host key, its certificate and the authority of operators."""
    port = free_port()
    root = bare_box(folder / name, port).root
    for number, account in enumerate(ACCOUNTS, 2000):
        for file, line in (
            ("passwd", f"{account}:x:{number}:{number}::/home/{account}:/bin/bash\n"),
            ("group", f"{account}:x:{number}:\n"),
            ("shadow", f"{account}:*:20000:0:99999:7:::\n"),
            (f"ssh/province/principals/{account}", f"{account}\n"),
            (f"sudoers.d/{account}", f"{account} ALL=(ALL) NOPASSWD: ALL\n"),
        ):
            place = root / "etc" / file
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a", encoding="utf-8") as there:
                there.write(line)
        (root / "home" / account).mkdir()
    (root / "opt").mkdir()
    (root / "opt" / "sshd").symlink_to(program("sshd"))  # where a command as root looks for it
    path = "/opt:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    (root / "etc/sudoers.d/path").write_text(f'Defaults secure_path="{path}"\n', encoding="utf-8")
    key = root / KEY[1:]
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_name(f"{key.name}.pub").read_text(encoding="utf-8")
    certificate = ssh_host.sign(authority_folder(fleet), public, subject(fleet.hosts[name]))
    key.with_name(f"{key.name}-cert.pub").write_text(certificate, encoding="utf-8")
    shutil.copy(trust_folder(fleet) / USER_CA, root / ACCEPTED[1:])
    lines = [f"HostKey {KEY}", f"HostCertificate {KEY}-cert.pub", f"TrustedUserCAKeys {ACCEPTED}"]
    lines += ["AuthorizedPrincipalsFile /etc/ssh/province/principals/%u", "AuthorizedKeysFile none"]
    lines += ["LogLevel VERBOSE", "PasswordAuthentication no", "MaxStartups 100", "PerSourcePenalties no"]
    with (root / "etc/ssh/sshd_config").open("a", encoding="utf-8") as config:
        config.write("\n".join(lines) + "\n")
    made = Door(root, port)
    made.start_ssh()
    return made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(lab_desk, "command", lambda _, words: list(words))
    fleet = alone(desk_at(tmp_path, NODES[0]).fleet, NODES)
    link = authority_folder(fleet) / Kind.USER_CA
    link.symlink_to(tmp_path / "user-ca")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "lan"], check=True)
    signed(tmp_path / "lan", "lan", link)
    doors = {name: door(tmp_path, fleet, name) for name in NODES}
    authority = (trust_folder(fleet) / HOST_CA).read_text(encoding="utf-8")
    (tmp_path / "known_hosts").write_text(authority_line("*", authority), encoding="utf-8")
    text = "".join(
        f"Host {name}\n    HostName 127.0.0.1\n    Port {one.port}\n    HostKeyAlias {name}\n"
        for name, one in doors.items()
    )
    text += f"Host *\n    User ops\n    IdentityFile {tmp_path}/operator\n    IdentitiesOnly yes\n"
    text += f"    CertificateFile {tmp_path}/operator-cert.pub\n    UserKnownHostsFile {tmp_path}/known_hosts\n"
    text += f"    GlobalKnownHostsFile none\n    StrictHostKeyChecking yes\n    HostKeyAlgorithms {HOST_CERTIFICATES}\n"
    (fleet.root / "lab" / "ssh_config").write_text(text + "    ConnectionAttempts 3\n", encoding="utf-8")
    yield World(fleet, tmp_path, doors)
    for one in doors.values():
        one.off()


def test_the_authority_of_operators_is_followed_and_nobody_is_refused(world: World) -> None:
    first, second = NODES
    with Prober([world.ssh(name) for name in NODES]) as prober:
        world.step(Kind.USER_CA, "both", only=[first])  # killed before the second node
        with pytest.raises(ProvinceError, match=f"{second}: does not accept the new authority"):
            world.step(Kind.USER_CA, "new-signs")
        world.step(Kind.USER_CA, "both")
        (row,) = load_rotations(trust_folder(world.fleet))
        old, new = fingerprint(row.old), fingerprint(row.new)
        world.step(Kind.USER_CA, "new-signs")
        own = (world.folder / "operator-cert.pub").read_text(encoding="utf-8")
        assert ssh_certificate.read(own).signer == new
        assert world.lan(first).returncode == 0, "her old certificate opens while both are accepted"
        with pytest.raises(
            ProvinceError, match=rf"the last entry of lan .* is still by the old authority {re.escape(old)}"
        ):
            world.step(Kind.USER_CA, "new-only")
        shutil.copy(world.folder / "lan-cert.pub", world.folder / "old-cert.pub")
        signed(world.folder / "lan", "lan", authority_folder(world.fleet) / Kind.USER_CA)
        assert world.lan(second).returncode == 0
        world.step(Kind.USER_CA, "new-only")
        assert Standing.of(world.fleet, Kind.USER_CA).is_over
        assert world.lan(first).returncode == 0
        shutil.copy(world.folder / "old-cert.pub", world.folder / "lan-cert.pub")
        assert "Permission denied" in world.lan(first).stderr
    assert (prober.made > 20, prober.failures()) == (True, [])


def test_the_authority_of_hosts_is_followed_and_no_host_is_doubted(world: World) -> None:
    first, second = NODES
    known = world.folder / "known_hosts"
    with Prober([world.ssh(name) for name in NODES]) as prober:
        world.step(Kind.HOST_CA, "both")
        (row,) = load_rotations(trust_folder(world.fleet))
        assert known.read_text(encoding="utf-8") == authority_line("*", f"{row.old}\n{row.new}")
        world.step(Kind.HOST_CA, "new-signs", only=[first])  # killed before the second node
        with pytest.raises(ProvinceError, match=f"{second}: the certificate that it shows is still by the old"):
            world.step(Kind.HOST_CA, "new-only")
        assert Standing.of(world.fleet, Kind.HOST_CA).phase is Phase.NEW_SIGNS
        world.step(Kind.HOST_CA, "new-signs")
        world.step(Kind.HOST_CA, "new-only")
        assert known.read_text(encoding="utf-8") == authority_line("*", row.new)
    assert fingerprints((trust_folder(world.fleet) / HOST_CA).read_text(encoding="utf-8")) == {fingerprint(row.new)}
    assert (prober.made > 20, prober.failures()) == (True, [])
    (world.folder / "known_hosts").write_text(authority_line("*", row.old), encoding="utf-8")
    done = subprocess.run(world.ssh(first), capture_output=True, text=True, check=False)
    assert "Host key verification failed" in done.stderr
