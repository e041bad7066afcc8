"""The lab's SSH certificate authority: hosts and operator trust each other by certificates from the start.

Two keys: one signs hosts, one signs operators, so that a host's certificate never opens a door. File names
and formats: ssh-keygen(1), section CERTIFICATES; sshd(8), section SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from province.lab.commands import run
from province.lab.spec import GuestSpec, LabSpec
from province.lab.state import Place
from province.manifest.ssh_client import HOST_CERTIFICATES, authority_line, block

OPERATOR_DAYS = 14
HOST_DAYS = 400
HOST_KEY = "ssh_host_ed25519_key"
DAY = 86400.0


@dataclass(frozen=True)
class Authority:
    """The files of one lab's certificate authority, all in `folder`."""

    folder: Path

    @property
    def host_ca(self) -> Path:
        """The private key that signs hosts; the public one has `.pub` added."""
        return self.folder / "host_ca"

    @property
    def user_ca(self) -> Path:
        """The private key that signs operators."""
        return self.folder / "user_ca"

    @property
    def operator(self) -> Path:
        """The operator's private key; its certificate is `operator-cert.pub`."""
        return self.folder / "operator"

    @property
    def config(self) -> Path:
        """The client's configuration: `ssh -F` this file, and every guest is known by its name."""
        return self.folder / "config"

    @property
    def known_hosts(self) -> Path:
        """Says that whoever shows a certificate of `host_ca` is the host it says it is."""
        return self.folder / "known_hosts"

    def host(self, guest: str) -> Path:
        """Return the folder with a guest's host key and certificate."""
        return self.folder / "hosts" / guest


def ensure(place: Place, spec: LabSpec, now: float) -> tuple[Authority, list[str]]:
    """Make what is missing of the authority and of all identities; also return what was made.

    now: seconds since the epoch. A certificate is renewed when half of its life is over.
    """
    authority = Authority(place.ssh)
    place.ssh.mkdir(parents=True, exist_ok=True)
    made = [key.name for key in (authority.host_ca, authority.user_ca) if _new_key(key, f"{place.id} {key.name}")]
    _new_key(authority.operator, "operator")
    if _due(_certificate(authority.operator), OPERATOR_DAYS, now, authority.user_ca):
        _sign(authority.user_ca, authority.operator, "operator", [spec.user], OPERATOR_DAYS)
        made.append("operator")
    made += [guest.name for guest in spec.guests if _ensure_host(authority, guest, spec.domain, now)]
    line = authority_line("*", _public(authority.host_ca))
    if not authority.known_hosts.exists() or line not in authority.known_hosts.read_text():
        authority.known_hosts.write_text(line)  # else one that follows it may stand beside it
    authority.config.write_text(client_config(spec, authority, place.runtime))
    (place.runtime / "ssh").mkdir(parents=True, exist_ok=True)
    return authority, made


def client_config(spec: LabSpec, authority: Authority, runtime: Path) -> str:
    """Write the OpenSSH client's configuration for all guests (ssh_config(5))."""
    head = f"""\
# Made by the lab from its specification; `province lab up` writes it again.
Host *
    User {spec.user}
    IdentityFile {authority.operator}
    CertificateFile {_certificate(authority.operator)}
    IdentitiesOnly yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    UserKnownHostsFile {authority.known_hosts}
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    HostKeyAlgorithms {HOST_CERTIFICATES}
    ControlMaster auto
    ControlPath {runtime}/ssh/%C
    ControlPersist 300
    ConnectTimeout 5
    ConnectionAttempts 3
    ServerAliveInterval 5
    ServerAliveCountMax 3
    # Administrators come from the management zone; hosts answer nobody else.
    BindAddress {spec.station}
"""
    hosts = [block((guest.name, f"{guest.name}.{spec.domain}"), {"HostName": guest.address}) for guest in spec.guests]
    # Through the tunnels: for a node whose own line is cut. It shows the same certificate.
    hosts += [
        block((f"{guest.name}.tunnel",), {"HostName": guest.second, "HostKeyAlias": guest.name})
        for guest in spec.guests
        if guest.second
    ]
    return head + "".join(hosts)


def principals(guest: GuestSpec, domain: str) -> list[str]:
    """Return the names under which a guest may show its certificate: short, full, and every address."""
    addresses = [str(address.ip) for nic in guest.nics for address in nic.addresses]
    return [guest.name, f"{guest.name}.{domain}", *addresses]


def _ensure_host(authority: Authority, guest: GuestSpec, domain: str, now: float) -> bool:
    """Make a guest's key and certificate; True if the certificate is new."""
    folder = authority.host(guest.name)
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / HOST_KEY
    names = principals(guest, domain)
    listed = folder / "principals"
    _new_key(key, guest.name)
    same = listed.exists() and listed.read_text().split() == names
    if same and not _due(_certificate(key), HOST_DAYS, now, authority.host_ca):
        return False
    _sign(authority.host_ca, key, guest.name, names, HOST_DAYS, "-h")
    listed.write_text("\n".join(names) + "\n")
    return True


def _new_key(path: Path, comment: str) -> bool:
    """Make a key pair without passphrase unless there is one."""
    if path.with_name(f"{path.name}.pub").exists():
        return False
    path.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    return True


def _sign(authority: Path, key: Path, identity: str, names: list[str], days: int, *options: str) -> None:
    """Sign a public key; valid from an hour ago, for clocks that differ."""
    public = key.with_name(f"{key.name}.pub")
    validity = f"-1h:+{days}d"
    who = ("-I", identity, "-n", ",".join(names))
    run(
        [
            "ssh-keygen",
            "-q",
            "-s",
            authority,
            *options,
            *who,
            "-V",
            validity,
            "-z",
            str(time.time_ns()),
            public,
        ]
    )


def _due(certificate: Path, days: int, now: float, signer: Path) -> bool:
    """Whether a certificate is missing, past half of its life, or older than the authority that signs by now."""
    if not certificate.exists():
        return True
    made = certificate.stat().st_mtime
    return now - made > days * DAY / 2 or made < signer.stat().st_mtime


def _certificate(key: Path) -> Path:
    """Return where ssh-keygen puts the certificate of a key."""
    return key.with_name(f"{key.name}-cert.pub")


def _public(key: Path) -> str:
    """Return a public key's text."""
    return key.with_name(f"{key.name}.pub").read_text()
