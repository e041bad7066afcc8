"""Streams over a line: a video conference that is measured, and bulk that takes whatever it gets."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SO_TIMESTAMPNS = 35
IP_TRANSPARENT = 19
"""Options of Linux that Python has no names for (socket(7), ip(7))."""

VIDEO_BYTES = 1200
VIDEO_MBPS = 1.0
SECONDS_PER_PACKET = VIDEO_BYTES * 8 / (VIDEO_MBPS * 1e6)
LAST_PACKETS = 1.0
"""Seconds that the last packets may take."""
CHUNK = 65536


@dataclass(frozen=True)
class Measured:
    """What became of a stream: the share of packets lost, and how long those that arrived took, milliseconds."""

    loss: float
    median_ms: float
    p95_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"loss {self.loss:.1%}, delay {self.median_ms:.1f} ms, p95 {self.p95_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"
        )


def serve(address: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A socket at an address that this machine stands in for; a TCP one listens."""
    one = socket.socket(socket.AF_INET, kind)
    one.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    if kind is socket.SOCK_STREAM:
        one.listen()
    return one


def video(sender: socket.socket, receiver: socket.socket, seconds: float) -> Measured:
    """Send a conference of 1 Mbit/s from one connected socket to another, and measure each packet.

    Both clocks are this machine's; the arrival is noted by the kernel, so a busy machine delays no measurement.
    """
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    receiver.settimeout(LAST_PACKETS)
    delays: list[float] = []
    listener = threading.Thread(target=_receive, args=(receiver, delays))
    listener.start()
    count = round(seconds / SECONDS_PER_PACKET)
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number * SECONDS_PER_PACKET - time.monotonic()))
        sender.send(struct.pack("!q", time.time_ns()).ljust(VIDEO_BYTES, b"\0"))
    listener.join()
    ordered = sorted(delays) or [float("inf")]
    median, p95, p99 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.95, 0.99))
    return Measured(1 - len(delays) / count, median, p95, p99)


@contextmanager
def bulk(source: socket.socket, sink: socket.socket) -> Iterator[None]:
    """Fill a connection as fast as it takes it, until the end of the block."""
    over = threading.Event()
    workers = [threading.Thread(target=_pour, args=(source, over)), threading.Thread(target=_drain, args=(sink,))]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        over.set()
        source.shutdown(socket.SHUT_RDWR)
        sink.shutdown(socket.SHUT_RDWR)
        for worker in workers:
            worker.join()


def _receive(receiver: socket.socket, delays: list[float]) -> None:
    with suppress(TimeoutError):
        while True:
            data, [(_, _, stamp)], _, _ = receiver.recvmsg(CHUNK, 64)
            seconds, nanoseconds = struct.unpack("@qq", stamp)
            (sent,) = struct.unpack_from("!q", data)
            delays.append((seconds * 1_000_000_000 + nanoseconds - sent) / 1e6)


def _pour(source: socket.socket, over: threading.Event) -> None:
    with suppress(OSError):
        while not over.is_set():
            source.sendall(bytes(CHUNK))


def _drain(sink: socket.socket) -> None:
    with suppress(OSError):
        while sink.recv(CHUNK):
            pass
