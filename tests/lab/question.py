"""Ask a resolver one question over and print what it said as JSON; runs on a host, where there is no other program.

`python3 question.py RESOLVER NAME [--unchecked]`: unchecked asks for what no signature vouches for (RFC 4035, 3.2.2).
"""

from __future__ import annotations

import json
import socket
import struct
import sys

RECURSION_DESIRED, CHECKING_DISABLED, AUTHENTIC = 0x0100, 0x0010, 0x0020
ADDRESS, INTERNET, OPTIONS, SIGNATURES_TOO = 1, 1, 41, 0x8000
PATIENCE = 8.0


def query(name: str, flags: int) -> bytes:
    """A question for the address of a name, with EDNS (RFC 1035, section 4; RFC 6891)."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    header = struct.pack(">HHHHHH", 4711, flags, 1, 0, 0, 1)
    options = b"\0" + struct.pack(">HHIH", OPTIONS, 1232, SIGNATURES_TOO, 0)
    return header + labels + b"\0" + struct.pack(">HH", ADDRESS, INTERNET) + options


def addresses(reply: bytes, count: int, start: int) -> list[tuple[str, int]]:
    """The addresses of an answer, each with its time to live; every name in it is a pointer."""
    found = []
    for _ in range(count):
        kind, _, ttl, length = struct.unpack(">HHIH", reply[start + 2 : start + 12])
        if kind == ADDRESS:
            found.append((socket.inet_ntoa(reply[start + 12 : start + 16]), ttl))
        start += 12 + length
    return found


def main(resolver: str, name: str, *options: str) -> None:
    """Print code, whether signatures were checked, addresses and the least time to live."""
    unchecked = CHECKING_DISABLED if "--unchecked" in options else 0
    asked = query(name, RECURSION_DESIRED | unchecked)
    with socket.socket(socket.AF_INET6 if ":" in resolver else socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE)
        link.connect((resolver, 53))
        try:
            link.send(asked)
            reply = link.recv(4096)
        except OSError as error:
            print(json.dumps({"silent": str(error)}))
            return
    flags, _, count = struct.unpack(">HHH", reply[2:8])
    found = addresses(reply, count, len(asked) - 11)
    said = {"code": flags & 15, "authentic": bool(flags & AUTHENTIC), "addresses": sorted(one for one, _ in found)}
    print(json.dumps({**said, "ttl": min((ttl for _, ttl in found), default=0)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
