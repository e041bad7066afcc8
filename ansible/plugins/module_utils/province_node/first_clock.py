"""The clock of a new box: it may be years off, and then no certificate of an operator opens it.

The seed says between which moments it is good. A time server of the province is believed within them (SNTP, RFC 5905,
section 14); without one, a clock outside of them is set to the first. A box whose token is over is set back into its
time, too: that it is over is for the controller to say, by its own clock.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Any

from .node import Node

NTP_PORT = 123
SINCE_1900 = 2208988800
"""Seconds between the beginning of NTP's time and that of Unix."""
WAIT_S = 3.0
OFF_S = 60.0
"""So far may a clock be off: certificates are valid from an hour before they were signed."""
CLIENT = bytes([0b00_100_011]) + bytes(47)
"""A request: version 4, mode 3."""
SERVER = 4


def now() -> int:
    """What the box believes, in seconds since 1970."""
    return int(time.time())


def mend(box: Node, seed: dict[str, Any]) -> None:
    """Set the clock where it is wrong."""
    told = next(asked(seed["time_servers"]), None)
    target = wanted(now(), seed["made"], seed["expires"], told)
    if target is not None:
        box.step("set the clock")
        box.run(["date", "--utc", f"--set=@{target}"])


def wanted(clock: int, made: int, expires: int, told: int | None) -> int | None:
    """What the clock has to be set to; None for one that is good enough."""
    if told is not None and made <= told <= expires:
        return told if abs(clock - told) > OFF_S else None
    return None if made <= clock <= expires else made


def asked(servers: Iterable[str], port: int = NTP_PORT) -> Iterator[int]:
    """What time servers say, in seconds since 1970; those that say nothing are left out."""
    for server in servers:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
                link.settimeout(WAIT_S)
                link.connect((server, port))
                link.send(CLIENT)
                answer = link.recv(512)
        except OSError:
            continue
        if len(answer) >= len(CLIENT) and answer[0] & 7 == SERVER and answer[1]:
            yield int(struct.unpack(">I", answer[40:44])[0]) - SINCE_1900
