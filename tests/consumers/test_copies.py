"""Copies of nodes by the real restic and the real store: what was copied comes back, whatever happened between.

`tools/consumers` installs Debian's programs. Configuration, plan and programs are those that hosts get.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from province.fleet.load import load_fleet
from province.pki import authority as authorities
from province.pki import seal

from .copies_servers import PASSWORD, Copies, Node, Site, at_work, until
from .test_exports import program

NODE, OTHER = "phu-quoc-party", "long-xuyen-people"
NEAR, FAR = "rach-gia", "long-xuyen"
QUEUE = "/var/lib/relay-party"
APPLIED = "/var/lib/province/applied.json"
SECRET = b"the host's own secret"
MEGABYTE = 1_000_000

pytestmark = pytest.mark.proves(78)


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Copies]:
    with at_work(Copies(load_fleet("lab"), tmp_path)) as made:
        yield made


def filled(copies: Copies, name: str = NODE, queue: str = QUEUE) -> Node:
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
        node.write(f"{queue}/jetstream/{number}.blk", os.urandom(5_000))
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
    """Debian's restic at the door, as somebody uses it who took a node over: `by` shows its certificate and password."""
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


def check_restored(copies: Copies, node: Node, site: str, queue: str = QUEUE) -> None:
    """The newest copy, back in an empty folder, is byte for byte what the node has."""
    into = copies.place / f"restored-{site}"
    shutil.rmtree(into, ignore_errors=True)
    done = node.verb("restore", site, str(into))
    assert done.returncode == 0, done.stderr
    back = Node(node.name, into / "queue" / str(node.root)[1:])
    assert back.tree(queue) == node.tree(queue)
    state = Node(node.name, into / "state" / str(node.root)[1:])
    assert (state.root / APPLIED[1:]).read_bytes() == (node.root / APPLIED[1:]).read_bytes()


def test_what_was_copied_comes_back_byte_for_byte(copies: Copies) -> None:
    """Copied, changed, killed with all it had started amid the next copy, whose lock is left, and copied again."""
    node = filled(copies)
    made(node, NEAR)
    place = copies.sites[NEAR].copies(NODE)
    node.write(APPLIED, b'{"generation": 2}')
    (node.root / QUEUE[1:] / "jetstream/0.blk").unlink()
    node.write(f"{QUEUE}/jetstream/large.blk", os.urandom(60 * MEGABYTE))
    running = node.begin("make", NEAR)
    until(lambda: size(place / "data") > 10 * MEGABYTE, "a part of the copy is there")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list((place / "locks").iterdir()), "it was over before it was killed"
    assert len(list((place / "snapshots").iterdir())) == 3, "the newest of both classes, and the state of now"
    made(node, NEAR)
    assert not list((place / "locks").iterdir())
    assert size(place / "data") < 130 * MEGABYTE
    check_restored(copies, node, NEAR)


def test_no_secret_is_copied_and_what_has_not_changed_only_once(copies: Copies) -> None:
    node = filled(copies)
    made(node, FAR)
    node.write(f"{QUEUE}/jetstream/20.blk", os.urandom(5_000))
    made(node, FAR)
    added = told(node, FAR)["classes"]["queue"]["added"]  # type: ignore[index]
    assert 5_000 < added < 50_000, "what had not changed was copied again"
    listed = [restic(copies, node, FAR, "ls", "latest", "--tag", kind).stdout for kind in ("state", "queue")]
    assert "rg1-tslcd.key.pub" in listed[0]
    assert "20.blk" in listed[1]
    secret = (".key", "_ed25519_key", "/generations")
    assert not [line for text in listed for line in text.splitlines() if line.endswith(secret)]


def test_a_site_that_is_off_is_told_and_the_other_has_its_copy(copies: Copies) -> None:
    node = filled(copies)
    copies.sites[NEAR].stop()
    silent = node.verb("make", NEAR)
    assert (silent.returncode, "no copy was made" in silent.stdout) == (0, True), silent.stderr
    assert "Connection refused" in str(told(node, NEAR)["error"])
    made(node, FAR)
    copies.sites[NEAR].start()
    made(node, NEAR)
    copies.sites[NEAR].stop()
    known = told(node, NEAR)
    assert node.verb("make", NEAR).returncode == 0
    after = told(node, NEAR)
    assert after["made"] == known["made"], "a vain try does not make the copy younger"
    assert "Connection refused" in str(after["error"])


def test_a_wrong_certificate_is_refused(copies: Copies) -> None:
    """A stranger's authority, and a host of ours that is no node of a commune: neither comes to the store."""
    stranger = copies.node(NODE, by=authorities.make("another authority", datetime.now(UTC)))
    refused = stranger.verb("make", NEAR)
    assert refused.returncode == 1
    assert "400" in refused.stderr
    gateway = copies.sites[FAR].place
    context = ssl.create_default_context(cafile=str(gateway / "ssl/service-ca.pem"))
    context.load_cert_chain(gateway / "ssl/host.pem", gateway / "credentials/host.key")
    url = f"https://localhost:{copies.sites[NEAR].port}/{'0' * 16}/config"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url, context=context)
    assert not (copies.sites[NEAR].place / "store").exists() or not list(
        (copies.sites[NEAR].place / "store").glob("*/*/config")
    )


def test_a_node_neither_reads_nor_deletes_what_another_copied(copies: Copies) -> None:
    """Whatever it names, the door takes it to its own place; even the other's password would not help it."""
    node = filled(copies)
    made(node, NEAR)
    other = filled(copies, OTHER, "/var/lib/relay-government")
    other.present()
    box = copies.sites[NEAR].copies(NODE).name
    seen = restic(copies, node, NEAR, "snapshots", by=other)
    assert seen.returncode == 10, "restic: the repository does not exist"
    for path in (
        f"/{NODE}/{box}/config",
        f"/../{NODE}/{box}/config",
        f"/{box}/../../{NODE}/{box}/config",
        f"/%2e%2e/{NODE}/{box}/config",
        f"/{box}/data/..%2f..%2f..%2f{NODE}%2f{box}%2fconfig",
        "/",
        "/metrics",
    ):
        assert asked(copies, other, "GET", path) in {400, 403, 404}, path
    assert asked(copies, node, "GET", f"/{box}/config") == 200, "its own place does answer"
    assert asked(copies, other, "DELETE", f"/{box}/config") in {403, 404}


def test_a_node_cannot_delete_its_own_copies(copies: Copies) -> None:
    """Who took a node over has its password and its certificate, and still all that was copied stays."""
    node = filled(copies)
    made(node, NEAR)
    place = copies.sites[NEAR].copies(NODE)
    before = kept(place)
    forgotten = restic(copies, node, NEAR, "forget", *[one.name for one in (place / "snapshots").iterdir()])
    assert forgotten.stderr.count("403 Forbidden") == 2
    for path in before:
        what = f"data/{path.rpartition('/')[2]}" if path.startswith("data/") else path
        assert asked(copies, node, "DELETE", f"/{place.name}/{what}") == 403
        assert asked(copies, node, "POST", f"/{place.name}/{what}") in {400, 403}
    assert kept(place) == before


def test_a_full_store_refuses_loudly_and_keeps_what_it_has(copies: Copies) -> None:
    site = copies.sites[NEAR]
    site.stop()
    site.start(most_bytes=MEGABYTE)
    node = filled(copies)
    node.write(f"{QUEUE}/jetstream/large.blk", os.urandom(3 * MEGABYTE))
    refused = node.verb("make", NEAR)
    assert refused.returncode == 1
    assert "the store is full" in refused.stderr
    assert "the store is full" in str(told(node, NEAR)["error"])
    site.stop()
    site.start()
    made(node, NEAR)
    check_restored(copies, node, NEAR)


def drilled(copies: Copies, site: Site, node: Node) -> subprocess.CompletedProcess[str]:
    """As the controller does it: the password comes from what the node sealed."""
    sealed = (node.root / f"{PASSWORD[1:]}.pub").read_text(encoding="utf-8").strip()
    password = seal.opened(seal.load(copies.place / "seal"), sealed, node.name)
    return site.verb("drill", node.name, site.copies(node.name).name, password=password)


def test_a_burnt_node_is_restored_at_the_site_and_a_flipped_byte_is_found(copies: Copies) -> None:
    node = filled(copies)
    made(node, NEAR)
    site = copies.sites[NEAR]
    done = drilled(copies, site, node)
    assert done.returncode == 0, done.stderr
    classes = json.loads(done.stdout)["classes"]
    assert classes["queue"]["same"] == 20
    assert {one["changed_meanwhile"] for one in classes.values()} == {0}
    assert not list((site.place / "drill").iterdir()), "what was restored was left there"
    pack = max(
        (one for one in (site.copies(NODE) / "data").rglob("*") if one.is_file()), key=lambda one: one.stat().st_size
    )
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    broken = drilled(copies, site, node)
    assert broken.returncode == 1
    assert "restic" in broken.stderr


def test_the_site_forgets_what_is_too_old_and_nothing_when_a_date_is_wrong(copies: Copies) -> None:
    """The newest copy stays however old; a snapshot from the future would push out all others, so it stops the work."""
    node = filled(copies)
    made(node, NEAR)
    site = copies.sites[NEAR]
    box = site.copies(NODE).name
    rules = json.dumps({"state": 90, "queue": 7})
    old = restic(
        copies,
        node,
        NEAR,
        "backup",
        "--time",
        "2020-01-01 00:00:00",
        "--host",
        NODE,
        "--tag",
        "queue",
        str(node.root / QUEUE[1:]),
    )
    assert old.returncode == 0, old.stderr
    thinned = site.verb("thin", NODE, box, rules, password=node.password)
    assert thinned.returncode == 0, thinned.stderr
    assert (json.loads(thinned.stdout)["before"], json.loads(thinned.stdout)["left"]) == (3, 2)
    check_restored(copies, node, NEAR)
    ahead = restic(
        copies,
        node,
        NEAR,
        "backup",
        "--time",
        "2099-01-01 00:00:00",
        "--host",
        NODE,
        "--tag",
        "queue",
        str(node.root / APPLIED[1:]),
    )
    assert ahead.returncode == 0, ahead.stderr
    refused = site.verb("thin", NODE, box, rules, password=node.password)
    assert (refused.returncode, "dated in the future" in refused.stderr) == (1, True), refused.stderr
    assert json.loads(site.verb("show").stdout)[NODE][box]["snapshots"] == 3
