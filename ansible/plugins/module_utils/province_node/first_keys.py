"""A box that has no package of ours yet: its keys for tunnels are made by openssl, as `wg genkey` would."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from .node import Node

KEY_BYTES = 32
DER = bytes.fromhex("302e020100300506032b656e04220420")
"""What stands before the 32 bytes of a private key of X25519 (RFC 8410, 7)."""


class Box(Node):
    """The host that a seed is on. wireguard-tools come with the first run; openssl and ssh-keygen are in the image."""

    def pipe(self, command: Sequence[str], given: bytes = b"") -> bytes:
        """As a node does; both commands of `wg` by openssl."""
        if list(command) == ["wg", "genkey"]:
            made = super().pipe(["openssl", "genpkey", "-algorithm", "X25519", "-outform", "DER"])
            return base64.b64encode(clamped(made[-KEY_BYTES:])) + b"\n"
        if list(command) == ["wg", "pubkey"]:
            private = DER + base64.b64decode(given)
            shown = super().pipe(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], private)
            return base64.b64encode(shown[-KEY_BYTES:]) + b"\n"
        return super().pipe(command, given)


def clamped(key: bytes) -> bytes:
    """A private key in the one form that programs of WireGuard write (RFC 7748, 5)."""
    changed = bytearray(key)
    changed[0] &= 248
    changed[31] = (changed[31] & 127) | 64
    return bytes(changed)
