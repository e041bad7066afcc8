"""What OpenSSH's client is told about hosts, wherever it is told: ssh_config(5), and known hosts as in sshd(8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from province.pki.anchors import parts

HOST_CERTIFICATES = "ssh-ed25519-cert-v01@openssh.com"
"""The kind of certificate that hosts show."""


def block(names: Iterable[str], options: Mapping[str, object]) -> str:
    """A paragraph for hosts of these names or patterns."""
    lines = [f"    {key} {value}\n" for key, value in options.items()]
    return f"\nHost {' '.join(names)}\n{''.join(lines)}"


def authority_line(pattern: str, keys: str) -> str:
    """Says that whoever shows a certificate of one of these keys is the host of that pattern that it says it is."""
    return "".join(f"@cert-authority {pattern} {' '.join(key.split()[:2])}\n" for key in parts(keys))
