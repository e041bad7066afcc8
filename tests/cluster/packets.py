"""Runs on a node of a cluster, as root: opens connections from inside the network namespaces of its pods.

Python's standard library alone, because nothing else is on a node. Reads what to do as JSON from its one argument and
prints what it saw as JSON. `open`: somebody answered. `reached`: the packets arrived where nobody listens.
`closed`: they did not arrive, or no answer came back.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

NAMESPACES = Path("/run/netns")
OF_THE_NODE = Path("/proc/1/ns/net")
PATIENCE_S = 2.0
SHORT_S = 0.3
LONGEST_S = 180.0
MOMENT_S = 0.02
ENOUGH = 25
"""How many times a new pod tries, and is tried, at least."""

DNS_QUESTION = (
    bytes.fromhex("1234 0100 0001 0000 0000 0000")
    + b"\x0akubernetes\x07default\x03svc\x07cluster\x05local\x00"
    + bytes.fromhex("0001 0001")
)
"""Which address `kubernetes.default.svc.cluster.local` has (RFC 1035, section 4.1)."""

LIBC = ctypes.CDLL(None, use_errno=True)


def enter(path: Path) -> None:
    """Go on in another network namespace; this thread alone (setns(2))."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(descriptor, 0):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(descriptor)


def enter_that_of(address: str) -> None:
    """Go on in the namespace that has an address: nowhere else can a socket be bound to it.

    Others come and go meanwhile: a file is there before its namespace is mounted, and until then nobody can enter.
    """
    for path in sorted(NAMESPACES.iterdir()):
        try:
            enter(path)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.bind((address, 0))
                return
        except OSError:
            continue
    raise SystemExit(f"no pod of this node has the address {address}")


def attempt(to: str, port: int, patience: float = PATIENCE_S) -> str:
    try:
        socket.create_connection((to, port), timeout=patience).close()
    except ConnectionRefusedError:
        return "reached"
    except OSError:
        return "closed"
    return "open"


def ask_name(to: str, port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(PATIENCE_S)
        try:
            one.sendto(DNS_QUESTION, (to, port))
            one.recv(512)
        except OSError:
            return "closed"
    return "open"


def answer(question: dict[str, Any]) -> str:
    if question["from"]:
        enter_that_of(question["from"])
    else:
        enter(OF_THE_NODE)
    return {"tcp": attempt, "udp": ask_name}[question["protocol"]](question["to"], question["port"])


def answers(questions: list[dict[str, Any]], first: list[str]) -> list[str]:
    """What comes of every question; `first` is a command to run just before."""
    if first:
        subprocess.run(first, check=True)
    with ThreadPoolExecutor(len(questions)) as threads:
        return list(threads.map(answer, questions))


class Births:
    """Every pod that appears from now on tries to get out, and is tried from another pod, from its first moment on.

    Which of them matter is said later, as a line of JSON on the standard input: the addresses of pods that must have
    tried often, and those of them that must have got through both ways. Other pods may come and go beside them.
    """

    def __init__(self, target: str, port: int, caller: str) -> None:
        self.target, self.port, self.caller = target, port, caller
        self.seen: dict[str, dict[str, list[str]]] = {}
        self.awaited: dict[str, list[str]] = {}
        self.deadline = time.monotonic() + LONGEST_S
        self.over = threading.Event()

    def watch(self) -> dict[str, dict[str, list[str]]]:
        known = set(NAMESPACES.iterdir())
        threading.Thread(target=self.listen, daemon=True).start()
        tries: list[threading.Thread] = []
        print("watching", flush=True)
        while not self.done() and time.monotonic() < self.deadline:
            for path in set(NAMESPACES.iterdir()) - known:
                known.add(path)
                new = [threading.Thread(target=way, args=(path,)) for way in (self.outward, self.inward)]
                for one in new:
                    one.start()
                tries += new
            self.over.wait(MOMENT_S)
        self.over.set()
        for one in tries:
            one.join()
        return self.seen

    def listen(self) -> None:
        self.awaited = json.loads(sys.stdin.readline())

    def done(self) -> bool:
        def ways(address: str) -> list[list[str]]:
            found = self.seen.get(address, {})
            return [found.get(way, []) for way in ("out", "in")]

        often = all(len(way) >= ENOUGH for one in self.awaited.get("all", ()) for way in ways(one))
        through = all("open" in way for one in self.awaited.get("free", ()) for way in ways(one))
        return bool(self.awaited) and often and through

    def address(self, path: Path) -> str:
        """Wait until the pod has an address; a route to the target is there as soon as it has one."""
        while not self.over.is_set():
            try:
                enter(path)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                    one.connect((self.target, self.port))
                    return str(one.getsockname()[0])
            except OSError:
                self.over.wait(MOMENT_S)
        raise SystemExit(f"{path} never got an address")

    def outward(self, path: Path) -> None:
        own = self.address(path)
        self.repeat(self.seen.setdefault(own, {}).setdefault("out", []), self.target)

    def inward(self, path: Path) -> None:
        own = self.address(path)
        enter_that_of(self.caller)
        self.repeat(self.seen.setdefault(own, {}).setdefault("in", []), own)

    def repeat(self, results: list[str], to: str) -> None:
        while not self.over.is_set():
            results.append(attempt(to, self.port, SHORT_S))
            self.over.wait(MOMENT_S)


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    found: Any = answers(**task) if "questions" in task else Births(**task).watch()
    print(json.dumps(found))
