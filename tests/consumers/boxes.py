"""Bare boxes: a root of their own with real accounts, sudo and OpenSSH's daemon, and this machine's programs."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from province.fleet.fleet import Fleet
from province.fleet.load import inventories_root, load_fleet
from province.manifest.trust import COPIES_SEAL, DEVICES_CA, HOST_CA, MIRROR_KEY, SERVICE_CA, USER_CA, trust_folder
from province.pki import authority, seal, ssh_host
from province.pki.authority import authority_folder
from tests.unit.test_enrol import NOW

from .relay_servers import free_port
from .test_exports import program

OWN = ("passwd", "group", "shadow", "gshadow")
TAKEN = ("ld.so.cache", "nsswitch.conf", "pam.d", "ssl/openssl.cnf", "security", "login.defs", "sudoers", "sudo.conf")
"""What of this machine's /etc its programs need, the box's own accounts apart."""
ENTER = """
set -e
root=$1; shift
mount --rbind /usr "$root/usr"; mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"
mount --bind "$PROGRAMS" "$root$PROGRAMS"
exec chroot "$root" "$@"
"""
ALIVE_S = 10.0


@dataclass
class Box:
    """One box: its root, and the daemon that runs on it at a port of this machine."""

    root: Path
    port: int
    daemon: subprocess.Popen[bytes] | None = None

    def run(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program on the box, as root."""
        return subprocess.run(self._entered(words), input=given, capture_output=True, text=True, check=False)

    def first_boot(self, stick: Path) -> str:
        """What somebody does who plugs a stick in; what it said, or its complaint."""
        shutil.rmtree(self.root / "media", ignore_errors=True)
        shutil.copytree(stick, self.root / "media")
        done = self.run("/bin/sh", "/media/start")
        return done.stdout if done.returncode == 0 else done.stderr

    def read(self, path: str) -> str:
        return (self.root / path[1:]).read_text(encoding="utf-8")

    def start_ssh(self) -> None:
        """Start the daemon, with the configuration that the box has by now."""
        self.daemon = subprocess.Popen(
            self._entered([program("sshd"), "-D", "-e"]), stderr=(self.root / "sshd.log").open("ab")
        )
        end = time.monotonic() + ALIVE_S
        while not _listens(self.port):
            assert time.monotonic() < end, (self.root / "sshd.log").read_text(encoding="utf-8")
            time.sleep(0.02)

    def off(self) -> None:
        """Cut its power."""
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait()
            self.daemon = None

    def _entered(self, words: list[str] | tuple[str, ...]) -> list[str]:
        place = str(Path(program("sshd")).parent)
        return [
            "unshare",
            "--mount",
            "--uts",
            "env",
            f"PROGRAMS={place}",
            "sh",
            "-c",
            ENTER,
            "sh",
            str(self.root),
            *words,
        ]


def bare_box(root: Path, port: int) -> Box:
    """A box as Debian installs it: programs, root, the daemon's own account, and nothing of ours."""
    place = Path(program("sshd")).parent
    for folder in ("usr", "dev", "proc", "run/sshd", "tmp", "root", "home", "etc/ssh/sshd_config.d", "etc/sudoers.d"):
        (root / folder).mkdir(parents=True)
    (root / str(place)[1:]).mkdir(parents=True)
    (root / "var/lib").mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for name in TAKEN:
        source, target = Path("/etc", name), root / "etc" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
    for name in OWN:
        (root / "etc" / name).touch(mode=0o640)
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/bash\nsshd:x:997:65534::/run/sshd:/usr/sbin/nologin\n", encoding="utf-8"
    )
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n", encoding="utf-8")
    (root / "etc/shadow").write_text("root:*:20000:0:99999:7:::\nsshd:!:20000::::::\n", encoding="utf-8")
    for name in ("passwd", "group"):
        (root / "etc" / name).chmod(0o644)
    lines = ["Include /etc/ssh/sshd_config.d/*.conf", f"Port {port}", "ListenAddress 127.0.0.1", "StrictModes yes"]
    lines += [f"SshdSessionPath {place}/sshd-session", f"SshdAuthPath {place}/sshd-auth", "PidFile /run/sshd.pid"]
    (root / "etc/ssh/sshd_config").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Box(root, port)


@dataclass
class Desk:
    """A controller: its fleet, its authorities, and boxes that stand at the nodes' addresses."""

    fleet: Fleet
    folder: Path
    operator: Path
    port: int = field(default_factory=free_port)
    boxes: list[Box] = field(default_factory=list)

    def box(self) -> Box:
        """Another bare box, to be put where the last one was."""
        for one in self.boxes:
            one.off()
        made = bare_box(self.folder / f"box-{len(self.boxes)}", self.port)
        self.boxes.append(made)
        return made


REGISTERS = ("seeds.yml", "keys.yml", "revoked.yml", "certificates", "requests")


def fresh(desk: Desk, folder: Path) -> Desk:
    """The same desk on its first day: no token, no box; what a test makes lies in a folder of its own."""
    for name in REGISTERS:
        place = trust_folder(desk.fleet) / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    return dataclasses.replace(desk, folder=folder, boxes=[])


def desk_at(folder: Path, node: str) -> Desk:
    """A desk that knows one node by this machine's loopback."""
    inventories = folder / "inventories"
    shutil.copytree(inventories_root(), inventories)
    fleet = load_fleet("lab", inventories)
    trust, keys = trust_folder(fleet), authority_folder(fleet)
    shutil.rmtree(trust, ignore_errors=True)
    trust.mkdir(parents=True)
    made, _ = authority.ensure(keys, "services", NOW)
    for name in (SERVICE_CA, DEVICES_CA):
        (trust / name).write_text(made.pem, encoding="utf-8")
    (trust / COPIES_SEAL).write_text(seal.ensure(keys), encoding="utf-8")
    (trust / MIRROR_KEY).write_text("the mirror's key", encoding="utf-8")
    for place, name in ((keys / ssh_host.KEY, HOST_CA), (folder / "user-ca", USER_CA), (folder / "operator", "")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place], check=True)
        if name:
            shutil.copy(place.with_name(f"{place.name}.pub"), trust / name)
    account = fleet.environment.automation.name
    words = ["ssh-keygen", "-q", "-s", str(folder / "user-ca"), "-I", account, "-n", account, "-V", "-1h:+1d"]
    subprocess.run([*words, str(folder / "operator.pub")], check=True)
    desk = Desk(fleet, folder, folder / "operator")
    config = f"Host {node}\n    HostName 127.0.0.1\n    Port {desk.port}\n"
    config += f"Host *\n    User {account}\n    IdentityFile {folder}/operator\n    IdentitiesOnly yes\n"
    config += f"    CertificateFile {folder}/operator-cert.pub\n    UserKnownHostsFile {folder}/known_hosts\n"
    (inventories / "lab" / "ssh_config").write_text(config, encoding="utf-8")
    return desk


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def may_make_boxes() -> bool:
    """Whether this process may give a box a root of its own."""
    return os.geteuid() == 0
