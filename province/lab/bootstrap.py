"""What a guest's disk gets before its first start: just enough that the operator can enter and configure it.

The configuration takes these files over later: `/etc/ssh/province/` stays, everything named bootstrap goes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from province.lab.ca import HOST_KEY, Authority
from province.lab.commands import run
from province.lab.spec import GuestSpec, LabSpec, NicSpec

SSH = "etc/ssh/province"
USER_CA = f"{SSH}/user_ca.pub"
SSHD = "etc/ssh/sshd_config.d/00-bootstrap.conf"
SUDO = "etc/sudoers.d/00-bootstrap"
NETWORKD = "etc/systemd/networkd.conf.d/50-routes-of-others.conf"
"""Taken over by the configuration under the same name; networkd reads it when it starts, and only then."""
KEYRING = "usr/share/keyrings/province-lab.gpg"


@dataclass(frozen=True)
class File:
    """A file of the guest: its content and permission bits; owner root."""

    content: bytes
    mode: int = 0o644


def files(guest: GuestSpec, domain: str, user: str) -> dict[str, File]:
    """Return the files of a guest's first start that follow from its specification alone."""
    nic = guest.management
    return {
        "etc/hostname": _text(f"{guest.name}\n"),
        "etc/hosts": _text(
            f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 {guest.name}.{domain} {guest.name}\n"
        ),
        f"etc/systemd/network/05-bootstrap-{nic.device}.network": _text(network(nic)),
        NETWORKD: _text("[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"),
        SSHD: _text(sshd(f"/{SSH}/{HOST_KEY}", certified=True)),
        f"{SSH}/principals/{user}": _text(f"{user}\n"),
        SUDO: File(f"{user} ALL=(ALL:ALL) NOPASSWD: ALL\n".encode(), 0o440),
    }


def network(nic: NicSpec) -> str:
    """Write the management interface's configuration (systemd.network(5))."""
    lines = ["[Match]", f"Name={nic.device}", "", "[Network]", "DHCP=no", "IPv6AcceptRA=no"]
    lines += [f"Address={address}" for address in nic.addresses]
    lines += [f"Gateway={gateway}" for gateway in nic.gateways]
    return "\n".join(lines) + "\n"


def sshd(host_key: str, *, certified: bool) -> str:
    """Write the daemon's first configuration: certificates only, no root (sshd_config(5))."""
    certificate = f"HostCertificate {host_key}-cert.pub\n" if certified else ""
    return f"""\
# For the first contact; the configuration replaces it.
HostKey {host_key}
{certificate}TrustedUserCAKeys /{USER_CA}
AuthorizedPrincipalsFile /{SSH}/principals/%u
AuthorizedKeysFile none
AuthenticationMethods publickey
PermitRootLogin no
"""


def install(root: Path, guest: GuestSpec, spec: LabSpec) -> None:
    """Write a guest's first files into its disk and add the operator's account."""
    for name, file in files(guest, spec.domain, spec.user).items():
        _write(root / name, file)
    _add_account(root, spec.user, spec.user_id)


def install_identity(root: Path, guest: str, authority: Authority, keyring: Path | None) -> None:
    """Write the guest's host key, its certificate, and whom it trusts: operators' CA and the lab's mirror."""
    key = authority.host(guest) / HOST_KEY
    certificate = key.with_name(f"{HOST_KEY}-cert.pub")
    public = key.with_name(f"{HOST_KEY}.pub")
    _write(root / SSH / HOST_KEY, File(key.read_bytes(), 0o600))
    _write(root / SSH / public.name, File(public.read_bytes()))
    _write(root / SSH / certificate.name, File(certificate.read_bytes()))
    _write(root / USER_CA, File(authority.user_ca.with_name("user_ca.pub").read_bytes()))
    if keyring is not None:
        _write(root / KEYRING, File(keyring.read_bytes()))


def plug_in(root: Path, stick: Path) -> None:
    """Do what somebody does at a bare box: have its seed taken over; everything else is the box's own first boot."""
    run([sys.executable, "-I", stick / "node", "--root", root, "begin", stick])


def _add_account(root: Path, user: str, number: int) -> None:
    """Add the operator's account: no password, a home, a shell (passwd(5), shadow(5))."""
    _append(root / "etc/passwd", f"{user}:x:{number}:{number}::/home/{user}:/bin/bash\n")
    _append(root / "etc/group", f"{user}:x:{number}:\n")
    _append(root / "etc/shadow", f"{user}:*:20000:0:99999:7:::\n")
    _append(root / "etc/gshadow", f"{user}:*::\n")
    home = root / "home" / user
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, number, number)


def _append(path: Path, line: str) -> None:
    """Add a line to a file that lists accounts, once."""
    text = path.read_text(encoding="utf-8")
    if line not in text.splitlines(keepends=True):
        path.write_text(text + line, encoding="utf-8")


def _write(path: Path, file: File) -> None:
    """Put a file in its place in one step, so that the guest never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(file.content)
    temporary.chmod(file.mode)
    temporary.replace(path)


def _text(content: str) -> File:
    """Return a plain text file with the usual permission."""
    return File(content.encode())
