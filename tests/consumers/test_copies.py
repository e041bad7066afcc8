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
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from province.cli import app
from province.cli import copies as verbs
from province.errors import ProvinceError
from province.fleet.load import load_fleet
from province.ops import copies as keeping
from province.pki import authority as authorities

from .copies_nodes import (
    APPLIED,
    CURIOUS,
    FAR,
    MEGABYTE,
    NEAR,
    NODE,
    QUEUE,
    STRANGER,
    asked,
    check_restored,
    filled,
    kept,
    made,
    restic,
    size,
    told,
)
from .copies_servers import SEALED, Copies, Node, at_work, until
from .test_exports import program

SPOILT = "an-minh-party"
"""A node that has no copies of its own here; its place holds one of another's."""

pytestmark = pytest.mark.proves(78)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copies]:
    with at_work(Copies(load_fleet("lab"), tmp_path_factory.mktemp("copies"))) as made:
        yield made


@pytest.fixture(scope="module")
def copied(copies: Copies) -> Node:
    """A node whose copy is at one of the sites; restic takes half a second to open it, so tests share it."""
    node = filled(copies)
    made(node, NEAR)
    return node


@pytest.fixture
def elsewhere(copies: Copies, copied: Node) -> Iterator[Path]:
    """The same copy once more, for a test that spoils it."""
    place = copies.sites[NEAR].copies(NODE)
    other = copies.sites[NEAR].place / "store" / SPOILT / place.name
    shutil.copytree(place, other)
    yield other
    shutil.rmtree(other.parent)


def test_what_was_copied_comes_back_byte_for_byte(copies: Copies, copied: Node) -> None:
    """Copied, changed, killed with all it had started amid the next copy, whose lock is left, and copied again."""
    node, place = copied, copies.sites[NEAR].copies(NODE)
    (node.root / QUEUE[1:] / "jetstream/0.blk").unlink()
    for number in range(5):  # on a busy machine a copy may be over before anybody sees that it has begun
        before, snapshots = size(place / "data"), len(list((place / "snapshots").iterdir()))
        node.write(APPLIED, b'{"generation": %d}' % (2 + number))
        node.write(f"{QUEUE}/jetstream/large.blk", os.urandom(30 * MEGABYTE))
        running = node.begin("make", NEAR)
        until(lambda: size(place / "data") > before + 5 * MEGABYTE, "a part of the copy is there")  # noqa: B023
        os.killpg(running.pid, signal.SIGKILL)
        if running.wait() and list((place / "locks").iterdir()):
            break
    assert list((place / "locks").iterdir()), "it was over before it was killed"
    assert len(list((place / "snapshots").iterdir())) == snapshots + 1, "the state's, and none of the queue"
    made(node, NEAR)
    check_restored(copies, node, NEAR)


def test_no_secret_is_copied_and_what_has_not_changed_only_once(copies: Copies, copied: Node) -> None:
    node = copied
    node.write(f"{QUEUE}/jetstream/20.blk", os.urandom(5_000))
    made(node, NEAR)
    added = told(node, NEAR)["classes"]["queue"]["added"]  # type: ignore[index]
    assert 5_000 < added < 50_000, "what had not changed was copied again"
    listed = restic(copies, node, NEAR, "ls", "latest", "--tag", "state").stdout
    assert "rg1-tslcd.key.pub" in listed
    secret = (".key", "_ed25519_key", "/generations")
    assert not [line for line in listed.splitlines() if line.endswith(secret)]


def test_a_node_that_has_its_new_key_before_its_certificate_waits(copies: Copies, copied: Node) -> None:
    """While it is enrolled anew: no copy is made, the last one stays known, and no unit fails for it."""
    known = told(copied, NEAR)
    key = copied.root / "credentials/host.key"
    right = key.read_bytes()
    key.write_bytes((copies.node(SPOILT).root / "credentials/host.key").read_bytes())
    done = copied.verb("make", NEAR)
    key.write_bytes(right)
    assert (done.returncode, "is being enrolled anew" in done.stdout) == (0, True), done.stderr
    assert told(copied, NEAR)["made"] == known["made"]


def test_a_site_that_is_off_is_told_and_the_other_has_its_copy(copies: Copies, copied: Node) -> None:
    node = copied
    known = told(node, NEAR)
    copies.sites[NEAR].stop()
    silent = node.verb("make", NEAR)
    made(node, FAR)
    copies.sites[NEAR].start()
    assert (silent.returncode, "no copy was made" in silent.stdout) == (0, True), silent.stderr
    vain = told(node, NEAR)
    assert "Connection refused" in str(vain["error"])
    assert vain["made"] == known["made"], "a vain try does not make the copy younger"
    made(node, NEAR)
    assert float(str(told(node, NEAR)["made"])) > float(str(known["made"]))


def test_a_wrong_certificate_is_refused(copies: Copies) -> None:
    """A stranger's authority, and a host of ours that is no node of a commune: neither comes to the store."""
    stranger = copies.node(STRANGER, by=authorities.make("another authority", datetime.now(UTC)))
    refused = stranger.verb("make", NEAR)
    assert refused.returncode == 1
    assert "400" in refused.stderr
    gateway = copies.sites[FAR].place
    context = ssl.create_default_context(cafile=str(gateway / "ssl/service-ca.pem"))
    context.load_cert_chain(gateway / "ssl/host.pem", gateway / "credentials/host.key")
    url = f"https://localhost:{copies.sites[NEAR].port}/{'0' * 16}/config"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url, context=context)
    assert not (copies.sites[NEAR].place / "store" / STRANGER).exists()


def test_a_node_neither_reads_nor_deletes_what_another_copied(copies: Copies, copied: Node) -> None:
    """Whatever it names, the door takes it to its own place; even the other's password would not help it."""
    node, other = copied, copies.node(CURIOUS)
    other.present()
    box = copies.sites[NEAR].copies(NODE).name
    shutil.copy(node.root / SEALED[1:], other.root / SEALED[1:])
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


def test_a_node_cannot_delete_its_own_copies(copies: Copies, copied: Node) -> None:
    """Who took a node over has its password and its certificate, and still all that was copied stays."""
    node = copied
    place = copies.sites[NEAR].copies(NODE)
    before = kept(place)
    forgotten = restic(copies, node, NEAR, "forget", *[one.name for one in (place / "snapshots").iterdir()])
    assert "403 Forbidden" in forgotten.stderr
    for path in before:
        what = f"data/{path.rpartition('/')[2]}" if path.startswith("data/") else path
        assert asked(copies, node, "DELETE", f"/{place.name}/{what}") == 403
        assert asked(copies, node, "POST", f"/{place.name}/{what}") in {400, 403}
    assert kept(place) == before


def test_a_full_store_refuses_loudly_and_keeps_what_it_has(copies: Copies, copied: Node) -> None:
    node, site = copied, copies.sites[NEAR]
    before = kept(site.copies(NODE))
    site.stop()
    site.start(most_bytes=size(site.place / "store") + MEGABYTE)
    node.write(f"{QUEUE}/jetstream/large.blk", os.urandom(3 * MEGABYTE))
    refused = node.verb("make", NEAR)
    site.stop()
    site.start()
    assert refused.returncode == 1
    assert "the store is full" in refused.stderr
    assert "the store is full" in str(told(node, NEAR)["error"])
    assert before.items() <= kept(site.copies(NODE)).items()
    made(node, NEAR)


def test_a_node_that_has_filled_its_room_adds_nothing_and_still_reads(copies: Copies, copied: Node) -> None:
    """Others, and the site, have what is theirs; what became free is taken again at once."""
    node, site = copied, copies.sites[NEAR]
    place = site.copies(NODE)
    before, room = kept(place), str(site.place / "weighed")
    assert json.loads(site.verb("weigh", room, str(size(site.place / "store" / NODE))).stdout).keys() == {NODE}
    node.write(f"{QUEUE}/jetstream/more.blk", os.urandom(MEGABYTE))
    refused = node.verb("make", NEAR)
    assert refused.returncode == 1
    assert "the node's room there" in refused.stderr
    assert kept(place) == before
    assert asked(copies, node, "GET", f"/{place.name}/config") == 200
    assert json.loads(site.verb("weigh", room, str(size(site.place / "store" / NODE) + 1)).stdout) == {}
    made(node, NEAR)


def test_a_burnt_node_is_restored_at_the_site_and_a_flipped_byte_is_found(
    copies: Copies, copied: Node, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller opens what the node sealed; the record of the drill is one that the register of work can name."""
    copies.enrol(**{SPOILT: copied.sealed})
    monkeypatch.setattr(verbs, "over_ssh", lambda _: copies.ask)
    monkeypatch.setattr(verbs, "load_fleet", lambda _: copies.fleet)
    words = ["copies", "drill", SPOILT, "--site", NEAR]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (kept_in,) = (copies.place / "docs/records").iterdir()
    assert sha256(kept_in.read_bytes()).hexdigest() in done.output
    told = json.loads(kept_in.read_text(encoding="utf-8"))
    assert told["classes"]["queue"]["same"] >= 20
    assert {one["changed_meanwhile"] for one in told["classes"].values()} == {0}
    assert not list((copies.sites[NEAR].place / "drill").iterdir()), "what was restored was left there"
    # One byte of each file with much in it: which of them the newest copy needs stands in none of their names.
    packs = [one for one in (elsewhere / "data").rglob("*") if one.is_file() and one.stat().st_size > MEGABYTE]
    assert packs
    for pack in packs:
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(content)
    kept_in.unlink()
    broken = CliRunner().invoke(app, words)
    assert isinstance(broken.exception, ProvinceError)
    assert "restic" in str(broken.exception)
    assert not list((copies.place / "docs/records").iterdir()), "a drill that failed is no record"


@pytest.mark.soak
def test_the_site_forgets_what_is_too_old_and_nothing_when_a_date_is_wrong(
    copies: Copies, copied: Node, elsewhere: Path
) -> None:
    """The newest copy stays however old; a snapshot from the future would push out all others, so it stops the work."""
    site = copies.sites[NEAR]
    stranger = shutil.copytree(elsewhere, elsewhere.with_name("0" * 16))
    copies.enrol(**{SPOILT: copied.sealed})

    def thinned() -> dict[str, dict[str, object]]:
        found = dict(keeping.thin(copies.fleet, copies.ask, NEAR))
        assert "no register knows this box" in str(found.pop(f"{SPOILT}/{stranger.name}"))
        return {box: told for box, told in found.items() if box.startswith(SPOILT)}

    def dated(day: str) -> None:
        command = [program("restic"), "--no-cache", "--repo", str(elsewhere), "backup", "--time", f"{day} 00:00:00"]
        command += ["--host", NODE, "--tag", "queue", str(copied.root / APPLIED[1:])]
        subprocess.run(command, env={"RESTIC_PASSWORD": copied.password}, check=True, timeout=60)

    before = len(list((elsewhere / "snapshots").iterdir()))
    dated("2020-01-01")
    (told,) = thinned().values()
    assert (told["before"], told["left"]) == (before + 1, before)
    dated("2099-01-01")
    (refused,) = thinned().values()
    assert "dated in the future" in str(refused["trouble"])
    shown = json.loads(site.verb("show").stdout)[SPOILT][elsewhere.name]
    assert shown["snapshots"] == before + 1
