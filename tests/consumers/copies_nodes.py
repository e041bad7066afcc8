"""What nodes with copies have and ask: a state, a queue, restic by the hand of somebody else, a door asked directly."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from http.client import HTTPSConnection
from pathlib import Path

from .copies_servers import Copies, Node
from .test_exports import program

NODE, CURIOUS, STRANGER = "phu-quoc-party", "phu-quoc-people", "long-xuyen-party"
NEAR, FAR = "rach-gia", "long-xuyen"
QUEUE = "/var/lib/relay-party"
APPLIED = "/var/lib/province/applied.json"
SECRET = b"the host's own secret"
MEGABYTE = 1_000_000


def filled(copies: Copies, name: str = NODE) -> Node:
    """A node with a state, a queue, and secrets beside them."""
    node = copies.node(name)
    node.write(APPLIED, b'{"generation": 1}')
    node.write("/etc/wireguard/rg1-tslcd.key.pub", b"public half\n")
    for path in (
        "/etc/wireguard/rg1-tslcd.key",
        "/var/lib/province/generations/9/secret",
        "/etc/ssh/ssh_host_ed25519_key",
    ):
        node.write(path, SECRET)
    for number in range(20):
        node.write(f"{QUEUE}/jetstream/{number}.blk", os.urandom(5_000))
    return node


def told(node: Node, site: str) -> dict[str, object]:
    status = node.verb("status")
    assert status.returncode == 0, status.stderr
    found = json.loads(status.stdout)[site]
    assert isinstance(found, dict)
    return found


def made(node: Node, site: str) -> None:
    done = node.verb("make", site)
    assert done.returncode == 0, done.stderr
    assert "error" not in told(node, site), told(node, site)


def size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


def kept(place: Path) -> dict[str, bytes]:
    """Everything but locks, which come and go."""
    files = {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}
    return {path: content for path, content in files.items() if not path.startswith("locks/")}


def restic(
    copies: Copies, node: Node, site: str, *words: str, by: Node | None = None
) -> subprocess.CompletedProcess[str]:
    """Debian's restic at the door, for somebody who took a node over: `by` shows its certificate and password."""
    who = by or node
    box = copies.sites[site].copies(node.name).name
    both = who.root / "run/client.pem"
    return subprocess.run(
        [program("restic"), "--no-cache", "--repo", f"rest:https://localhost:{copies.sites[site].port}/{box}/", *words],
        env={
            "PATH": "/usr/bin:/bin",
            "RESTIC_PASSWORD": who.password,
            "RESTIC_CACERT": str(who.root / "etc/ssl/province/service-ca.pem"),
            "RESTIC_TLS_CLIENT_CERT": str(both),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def asked(copies: Copies, node: Node, method: str, path: str, site: str = NEAR) -> int:
    """What the door says to a request that restic would never make."""
    context = ssl.create_default_context(cafile=str(node.root / "etc/ssl/province/service-ca.pem"))
    context.load_cert_chain(node.root / "run/client.pem")
    wire = HTTPSConnection("localhost", copies.sites[site].port, context=context, timeout=10)
    try:
        wire.request(method, path)
        return wire.getresponse().status
    finally:
        wire.close()


def check_restored(copies: Copies, node: Node, site: str) -> None:
    """The newest copy, back in an empty folder, is byte for byte what the node has."""
    into = copies.place / f"restored-{site}"
    shutil.rmtree(into, ignore_errors=True)
    done = node.verb("restore", site, str(into))
    assert done.returncode == 0, done.stderr
    back = Node(node.name, into / "queue" / str(node.root)[1:])
    assert back.tree(QUEUE) == node.tree(QUEUE)
    state = Node(node.name, into / "state" / str(node.root)[1:])
    assert (state.root / APPLIED[1:]).read_bytes() == (node.root / APPLIED[1:]).read_bytes()
