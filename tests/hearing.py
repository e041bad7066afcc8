"""What a program of a host hears from the broker of sensors beside it: a command for the host's shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

HEAR = """
import json, socket, ssl, sys, time
name, port, seconds, wanted = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]
context = ssl.create_default_context(cafile="/etc/ssl/province/service-ca.pem")
context.load_cert_chain("/etc/ssl/province/host.pem", "/etc/ssl/province/host.key")
wire = context.wrap_socket(socket.create_connection(("127.0.0.1", port), seconds), server_hostname=name).makefile("rwb")
text = lambda words: len(words).to_bytes(2, "big") + words.encode()
packet = lambda kind, body: bytes([kind, len(body)]) + body
ask = b"\\x00\\x01" + b"".join(text(topic) + b"\\x00" for topic in wanted)
wire.write(packet(0x10, text("MQTT") + b"\\x04\\x02\\x00\\x3c" + text("check")) + packet(0x82, ask))
wire.flush()
heard, end = {}, time.monotonic() + seconds
while set(heard) < set(wanted) and time.monotonic() < end:
    kind, left, shift = wire.read(1)[0], 0, 0
    while True:
        part = wire.read(1)[0]
        left |= (part & 127) << shift
        shift += 7
        if part < 128:
            break
    body = wire.read(left)
    if kind >> 4 == 3:
        length = int.from_bytes(body[:2], "big")
        heard[body[2:2 + length].decode()] = body[2 + length:].decode()
print(json.dumps(heard))
"""


def hearing(facts: Mapping[str, Any], seconds: int, topics: Iterable[str]) -> str:
    """A command that prints, as JSON, the first message under each topic; it waits at most so long for all of them."""
    words = [facts["host_fqdn"], str(facts["sensors_local_port"]), str(seconds), *topics]
    return shlex.join(["python3", "-c", HEAR, *words])
